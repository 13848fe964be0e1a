import ApusCheckpoint
import ApusTestSupport
import Testing

struct SentenceModulesTests {
    @Test func filesOfTheFixturesAreRead() throws {
        let mean = try SentenceModules(directory: ModelFixtures.directory("embed-bert-mean"))
        #expect(mean?.pooling == .mean)
        #expect(mean?.normalizes == true)
        let maximum = try SentenceModules(directory: ModelFixtures.directory("embed-roberta-max"))
        #expect(maximum?.pooling == .maximum)
        #expect(maximum?.normalizes == false)
        #expect(try SentenceModules(directory: ModelFixtures.directory("embed-qwen2")) == nil)
    }

    /// What cannot be done must not be left out in silence.
    @Test(arguments: [
        #"[{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]"#,
        #"[{"type": "sentence_transformers.models.Pooling", "path": "../elsewhere"}]"#,
        #"[{"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]"#,
        #"{"type": "Pooling"}"#, #"[{"#,
    ])
    func othersAreRefused(_ modules: String) {
        let folder = TemporaryDirectory()
        folder.write(Array(modules.utf8), to: "modules.json")
        #expect(throws: CheckpointError.self) { try SentenceModules(directory: folder.path) }
    }

    @Test func labelsComeFromTheConfiguration() throws {
        let cross = try ModelIdentity(directory: ModelFixtures.directory("embed-xlm-roberta-cross"))
        #expect(cross.labels == ["LABEL_0", "LABEL_1", "LABEL_2"])
        let folder = TemporaryDirectory()
        folder.write(Array(#"{"architectures": ["X"], "num_labels": 1}"#.utf8), to: "config.json")
        #expect(try ModelIdentity(directory: folder.path).labels == ["LABEL_0"])
    }
}
