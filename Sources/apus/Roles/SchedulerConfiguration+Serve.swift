import ApusConfiguration
import ApusExperts
import ApusScheduler

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

extension SchedulerConfiguration {
    /// What the flags and variables say to the scheduler.
    init(_ given: ServeConfiguration, epoch: UInt64, chunkedPrefillSize: Int?) {
        self.init(epoch: epoch, processID: getpid())
        contextLength = given.contextLength
        weightVersion = given.weightVersion
        randomSeed = UInt64(given.randomSeed ?? 0)
        maxRunningRequests = given.maxRunningRequests
        maxQueuedRequests = given.maxQueuedRequests
        allowAutoTruncate = given.truncatesPrompts
        maxNewTokensLimit = given.environment.maxNewTokensLimit
        waitingTimeout = given.environment.waitingTimeout
        runningTimeout = given.environment.runningTimeout
        grammarTimeout = given.environment.grammarPollInterval * Double(given.environment.grammarPollLimit)
        grammarSeconds = min(grammarSeconds, grammarTimeout)
        guard let policy = SchedulePolicy(rawValue: given.schedulePolicy) else {
            preconditionFailure("the table of flags knows a policy that the scheduler does not")
        }
        self.policy = policy
        self.chunkedPrefillSize = chunkedPrefillSize
        maxPrefillTokens = given.maxPrefillTokens
        prefillMaxRequests = given.prefillMaxRequests
        inBatchCheckThreshold = given.environment.inBatchPrefixCheckThreshold
        inBatchDeprioritizeThreshold = given.environment.inBatchPrefixDeprioritizeThreshold
        pageSize = given.pageSize
        disableRadixCache = given.disablesRadixCache
        conservativeness = given.scheduleConservativeness
        initialNewTokenRatio = given.environment.initialNewTokenRatio
        minimumNewTokenRatioFactor = given.environment.minimumNewTokenRatioFactor
        newTokenRatioDecaySteps = given.environment.newTokenRatioDecaySteps
        retractDecodeSteps = given.environment.retractDecodeSteps
        clipMaxNewTokensEstimation = given.environment.newTokensEstimationLimit
        forceStreamInterval = given.environment.forcedStreamInterval
        decodeLogInterval = given.decodeLogInterval
        experts = ExpertRecording(
            mode: given.expertRecorderMode.flatMap(ExpertRecorder.Mode.init(rawValue:)) ?? .stat,
            passLimit: given.expertRecorderPassLimit, directory: given.environment.expertRecordDirectory)
    }
}
