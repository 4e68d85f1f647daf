import Foundation

/// Named in every result; the version is the bundle maker's, whose protocol this speaks.
private let tool = RunResult.Tool(name: "ios_harness", version: "0.1.0")

/// One run of one tier in one recipe, docs/harness-protocol.md: from loading to a result.
public struct Bench {
    private let arguments: Arguments
    private let selection: Selection
    private let surroundings: Surroundings
    private let makeEngine: () async throws -> any Engine

    /// What a run finds around it.
    public struct Surroundings {
        public let device: RunResult.Device
        public let process: RunProcess
        public let physicalDevice: Bool
        /// Whether this is no debug build; nil of a program that is no app.
        public let notDebuggable: Bool?
        public let clock: any MonotonicClock
        public let thermal: any ThermalProbe
        public let battery: any BatteryProbe
        public let memory: any MemoryProbe

        public init(
            device: RunResult.Device, process: RunProcess, physicalDevice: Bool,
            notDebuggable: Bool?, clock: any MonotonicClock, thermal: any ThermalProbe,
            battery: any BatteryProbe, memory: any MemoryProbe
        ) {
            self.device = device
            self.process = process
            self.physicalDevice = physicalDevice
            self.notDebuggable = notDebuggable
            self.clock = clock
            self.thermal = thermal
            self.battery = battery
            self.memory = memory
        }
    }

    /// - Parameter makeEngine: Makes an engine with nothing loaded; the memory pass makes its own.
    public init(
        _ arguments: Arguments, _ selection: Selection, _ surroundings: Surroundings,
        makeEngine: @escaping () async throws -> any Engine
    ) {
        self.arguments = arguments
        self.selection = selection
        self.surroundings = surroundings
        self.makeEngine = makeEngine
    }

    /// Run it all. Whatever goes wrong is told by the result.
    public func run() async -> RunResult {
        let startedAt = utc(Date())
        let log = RunLog(surroundings.clock, surroundings.thermal, surroundings.battery)
        var stage = RunStatus.loadFailed
        do {
            let reader = try checkFiles(log)
            let engine = try await makeEngine()
            log.delegateActual = engine.delegateActual
            try load(engine, log)
            stage = .runFailed
            try measure(reader, engine, log)
        } catch {
            log.failed = stage
            log.errors.append(oneLine(error))
        }
        if log.failed == nil {  // the timed engine is gone by now: its memory does not count
            do {
                log.memory = try await surroundings.memory.peak { try await playOnce() }
            } catch {
                log.failed = .runFailed
                log.errors.append(oneLine(error))
            }
        }
        return result(log, startedAt)
    }

    /// Load every program and play the trace once: what the peak of memory is read of.
    public func playOnce() async throws {
        let reader = try TraceReader(selection.traceFile)
        let engine = try await makeEngine()
        for source in selection.sources {
            try engine.load(source.program)
        }
        let player = Player(reader, engine, surroundings.clock)
        for frame in 0..<reader.trace.frames {
            try player.play(frame)
        }
    }

    private func checkFiles(_ log: RunLog) throws -> TraceReader {
        for source in selection.sources {
            let found = try fileFacts(try inside(selection.bundle, source.path))
            log.files.append(
                RunResult.File(
                    path: source.path, program: source.program, sha256: found.sha256,
                    sizeBytes: found.sizeBytes))
            guard found.sizeBytes == source.sizeBytes, found.sha256 == source.sha256 else {
                throw Fault("\(source.path) is not what the manifest says; build it again")
            }
        }
        return try TraceReader(selection.traceFile)
    }

    private func load(_ engine: any Engine, _ log: RunLog) throws {
        for source in selection.sources {
            let start = surroundings.clock.nanoseconds()
            try engine.load(source.program)
            log.loadNs[source.program] = surroundings.clock.nanoseconds() - start
        }
    }

    private func measure(_ reader: TraceReader, _ engine: any Engine, _ log: RunLog) throws {
        let player = Player(reader, engine, surroundings.clock)
        defer { log.firstNs = player.firstNs }
        log.firstFrameNs = try player.play(0)
        log.parity = try parity(of: player, reader, selection.limits)
        let timing = Timing(arguments.plan, surroundings.clock, log)
        log.read()
        try timing.sample(player, frames: reader.trace.frames)
        try timing.sustain(player, frames: reader.trace.frames)
        log.read()
    }

    private func result(_ log: RunLog, _ startedAt: String) -> RunResult {
        let trace = selection.traceFile.trace
        let validity = judged(log)
        return RunResult(
            schemaVersion: 1, runId: arguments.runId, startedAt: startedAt, tool: tool,
            device: surroundings.device,
            subject: RunResult.Subject(
                network: trace.network, tier: trace.tier, orientation: trace.orientation,
                format: Selection.format, recipe: selection.recipe,
                weightsDigest: trace.weightsDigest, files: log.files,
                traceSha256: selection.traceFile.sha256),
            execution: RunResult.Execution(
                process: surroundings.process, runtime: Selection.format,
                runtimeVersion: surroundings.device.osVersion,
                delegateRequested: arguments.delegate.rawValue,
                delegateActual: log.delegateActual,
                threads: 1),  // Core ML neither takes nor tells their number
            plan: arguments.plan,
            latency: log.latency(trace.programs.map { $0.name }),
            sustained: log.sustained(arguments.plan.framesPerSecond),
            memory: log.memory, thermal: log.thermal, battery: log.battery, parity: log.parity,
            instructionsPerFrame: nil, validity: validity, status: status(log, validity),
            errors: log.errors)
    }

    private func judged(_ log: RunLog) -> RunResult.Validity {
        let thermalOk = log.thermalOk
        let denied =
            !log.runsMet || !log.secondsMet || thermalOk == false
            || surroundings.notDebuggable == false
        return RunResult.Validity(
            physicalDevice: surroundings.physicalDevice,
            latencyValid: surroundings.physicalDevice && !denied, minRunsMet: log.runsMet,
            minSecondsMet: log.secondsMet, thermalOk: thermalOk,
            notDebuggable: surroundings.notDebuggable)
    }

    private func status(_ log: RunLog, _ validity: RunResult.Validity) -> RunStatus {
        if let failed = log.failed { return failed }
        if let parity = log.parity, !parity.passed { return .parityFailed }
        if validity.physicalDevice && !validity.latencyValid { return .invalid }
        if log.delegateActual != arguments.delegate.rawValue { return .fallback }
        return .ok
    }
}
