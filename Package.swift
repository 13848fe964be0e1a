// swift-tools-version: 6.1
// Apus: an inference service for language models on CPUs. `Sources/README.md` says why each target exists.

import PackageDescription

/// One set of settings for every Swift target.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// A Swift target under `Sources/<name>`.
func target(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: [], swiftSettings: strict)
}

/// A test target under `Tests/<name>`; every one may use `ApusTestSupport`.
func tests(
    _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []
) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["ApusTestSupport"], resources: resources,
        swiftSettings: strict)
}

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let atomics: Target.Dependency = .product(name: "Atomics", package: "swift-atomics")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTPTypes: Target.Dependency = .product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")

let package = Package(
    name: "apus",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "apus", targets: ["apus"]),
        .executable(name: "apus-bench", targets: ["apus-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.20.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // System libraries and C.
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(name: "CJemalloc", providers: [.apt(["libjemalloc-dev"])]),
        .target(
            name: "CSentencePiece", cxxSettings: [.unsafeFlags(["-std=c++17"])],
            linkerSettings: [.linkedLibrary("sentencepiece")]),
        .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3", "-fno-math-errno"])]),

        // Words, files and languages.
        target("ApusJSON"),
        target("ApusCore", ["ApusJSON"]),
        target("ApusJinja"),
        target("ApusRegex"),
        target("ApusCheckpoint", ["ApusCore", "ApusJSON"]),
        target("ApusText", ["ApusCore", "ApusJSON", "ApusJinja", "ApusRegex", "ApusCheckpoint", "CSentencePiece"]),

        target("ApusGrammar", ["ApusCore", "ApusJSON", "ApusRegex"]),

        // Arithmetic.
        target("ApusTensor", ["ApusCore", "CKernels"]),
        target("ApusModels", ["ApusCore", "ApusJSON", "ApusCheckpoint", "ApusTensor"]),
        target("ApusExperts", ["ApusJSON"]),
        target(
            "ApusEngine",
            ["ApusExperts", "ApusCore", "ApusJSON", "ApusCheckpoint", "ApusGrammar", "ApusModels", "ApusTensor"]),

        // Processes.
        target("ApusObserve", ["ApusCore", "ApusJSON", "CJemalloc", logging]),
        target("ApusWire", ["ApusCore", "CZeroMQ"]),
        target(
            "ApusScheduler",
            [
                "ApusExperts", "ApusCore", "ApusJSON", "ApusWire", "ApusEngine", "ApusGrammar", "ApusObserve", logging,
            ]),
        target("ApusDetokenizer", ["ApusCore", "ApusWire", "ApusText", "ApusObserve", logging]),
        target(
            "ApusFront",
            [
                "ApusCore", "ApusJSON", "ApusJinja", "ApusRegex", "ApusGrammar", "ApusWire", "ApusText", "ApusObserve",
                logging, hummingbird, hummingbirdCore, lifecycle, nioCore, nioPosix, nioHTTP1, nioHTTPTypes,
                nioSSL, httpTypes,
            ]),
        target("ApusSupervisor", ["ApusCore", "ApusObserve", logging]),
        target("ApusConfiguration", ["ApusCore", "ApusJSON", configuration, yams]),
        .executableTarget(
            name: "apus",
            dependencies: [
                "ApusCore", "ApusJSON", "ApusConfiguration", "ApusFront", "ApusScheduler", "ApusDetokenizer",
                "ApusSupervisor", "ApusEngine", "ApusGrammar", "ApusModels", "ApusTensor", "ApusCheckpoint", "ApusText",
                "ApusExperts", "ApusObserve", "ApusWire", argumentParser, logging,
            ],
            swiftSettings: strict),
        // A load generator for any server: it shares nothing with the server's own targets but JSON.
        .executableTarget(
            name: "apus-bench",
            dependencies: [
                "ApusJSON", argumentParser, nioCore, .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            swiftSettings: strict),

        // Tests.
        .target(
            name: "ApusTestSupport", dependencies: ["ApusCheckpoint", "ApusCore", "ApusGrammar", "ApusJSON"],
            path: "Tests/Support",
            swiftSettings: strict),
        tests("ApusJSONTests", ["ApusJSON"]),
        tests("ApusJinjaTests", ["ApusJinja", "ApusJSON"]),
        tests("ApusCoreTests", ["ApusCore", "ApusJSON"]),
        tests("ApusCheckpointTests", ["ApusCheckpoint", "ApusCore", "ApusJSON"]),
        tests("ApusTextTests", ["ApusText", "ApusRegex", "ApusCore", "ApusJSON", "ApusCheckpoint"]),
        tests("ApusGrammarTests", ["ApusGrammar", "ApusRegex", "ApusCore", "ApusJSON"]),
        .target(name: "CTileTrap", dependencies: ["CKernels"], path: "Tests/CTileTrap"),
        tests("CKernelsTests", ["CKernels", "COpenBLAS", "CTileTrap"]),
        tests("ApusTensorTests", ["ApusTensor", "ApusCore", "CKernels"]),
        tests("ApusModelsTests", ["ApusModels", "ApusTensor", "ApusCheckpoint", "ApusCore", "ApusJSON"]),
        tests(
            "ApusEngineTests",
            ["ApusExperts", "ApusEngine", "ApusGrammar", "ApusModels", "ApusTensor", "ApusCheckpoint", "ApusCore"]),
        tests("ApusExpertsTests", ["ApusExperts", "ApusJSON"]),
        tests("ApusObserveTests", ["ApusObserve", "ApusCore", "ApusJSON", logging]),
        tests("ApusWireTests", ["ApusWire", "ApusCore", "CZeroMQ"]),
        tests(
            "ApusSchedulerTests",
            ["ApusExperts", "ApusScheduler", "ApusEngine", "ApusGrammar", "ApusWire", "ApusCore", logging]),
        tests("ApusDetokenizerTests", ["ApusDetokenizer", "ApusWire", "ApusText", "ApusCore", logging]),
        tests(
            "ApusFrontTests",
            [
                "ApusFront", "ApusGrammar", "ApusWire", "ApusText", "ApusCore", "ApusJSON", "ApusObserve", logging,
                hummingbird, lifecycle, nioCore, nioPosix, nioSSL, httpTypes,
                .product(name: "HummingbirdTesting", package: "hummingbird"),
            ]),
        tests("ApusSupervisorTests", ["ApusSupervisor", "ApusCore", logging]),
        tests("ApusConfigurationTests", ["ApusConfiguration", "ApusCore", "ApusJSON"]),
        tests(
            "ApusBenchTests",
            [
                "apus-bench", "ApusJSON", .product(name: "NIOCore", package: "swift-nio"), nioPosix,
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        tests("EndToEndTests", ["apus", "ApusCore", "ApusGrammar", "ApusJSON"]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c17,
    cxxLanguageStandard: .cxx17
)

// `Tests/fuzz` sets this: libFuzzer brings the main function, so that a plain build could not link the target.
if Context.environment["APUS_FUZZING"] != nil {
    package.targets.append(
        .executableTarget(
            name: "apus-fuzz",
            dependencies: [
                "ApusCheckpoint", "ApusCore", "ApusFront", "ApusGrammar", "ApusJSON", "ApusJinja", "ApusText",
                "ApusWire",
            ],
            path: "Tests/Fuzz",
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
}

// `Tests/sanitize` sets this: sanitizers bring their own malloc (two would free each other's memory).
if Context.environment["APUS_SANITIZING"] != nil {
    package.targets.removeAll { $0.name == "CJemalloc" }
    package.targets.append(.target(name: "CJemalloc", path: "Tests/Sanitizing"))
}
