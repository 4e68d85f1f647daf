import Foundation

/// A tier that was opened, its states as before a first frame. One thread uses it.
public protocol FramePlayer: AnyObject {
    /// Play one whole frame: every call that it takes.
    func frame() throws
}

/// Calibrates on this device: at most two short runs, never on the main thread. Cancelling the task
/// that it runs in ends it before the next frame.
public struct Calibration {
    private let clock: any MonotonicClock
    private let thermal: any ThermalProbe
    private let physical: Bool
    private let debuggable: Bool?
    private let open: (HeldStep) async throws -> any FramePlayer

    /// - Parameters:
    ///   - physical: Whether this is a phone or tablet.
    ///   - debuggable: Whether the app is a debug build; nil where nobody can tell.
    ///   - open: Opens a tier; what it throws ends the run as failed.
    public init(
        clock: any MonotonicClock, thermal: any ThermalProbe, physical: Bool, debuggable: Bool?,
        open: @escaping (HeldStep) async throws -> any FramePlayer
    ) {
        self.clock = clock
        self.thermal = thermal
        self.physical = physical
        self.debuggable = debuggable
        self.open = open
    }

    /// Run what was taken, and the tier above where there is room for it.
    public func run(_ decision: DeviceDecision) async throws -> Calibrated {
        try refuseMainThread()
        let at = try decision.require()
        guard let limitMs = decision.frameMs else {
            return Calibrated(at: at, why: "no_budget", valid: false)
        }
        let held = decision.steps.count
        let own = await attempt(decision.steps[at])
        var higher: Trial?
        if triesHigher(held: held, at: at, limitMs: limitMs, own) {
            higher = await attempt(decision.steps[at + 1])
        }
        return calibrated(held: held, at: at, limitMs: limitMs, own, higher: higher)
    }

    private func attempt(_ step: HeldStep) async -> Trial {
        let timed = ShortRun(clock, thermal)
        var ended = Ended.done
        do {
            let player = try await open(step)
            try timed.play(player)
        } catch is CancellationError {
            ended = .cancelled
        } catch {
            ended = Task.isCancelled ? .cancelled : .failed
        }
        return timed.trial(ended, physical: physical, debuggable: debuggable)
    }
}

/// Return the place of the tier to begin with: what is remembered, else what a calibration finds.
///
/// Where `remembered` cannot be written, the next launch calibrates anew.
public func launchPlace(
    _ decision: DeviceDecision, remembered: URL, _ key: CalibrationKey,
    _ calibration: Calibration
) async throws -> Int {
    let memory = CalibrationMemory.read(remembered, key)
    if let place = try memory.remembered(decision) { return place }
    guard decision.frameMs != nil, try memory.isDue(decision) else { return try decision.require() }
    let found = try await calibration.run(decision)
    try? memory.noted(decision, found).write(to: remembered)
    return found.at
}

/// A function of its own, since what waits may not ask for its thread.
private func refuseMainThread() throws {
    if Thread.isMainThread {
        throw Fault("a calibration takes seconds; run it in Task.detached")
    }
}

/// Frames against the clock: warm-up, then until there are enough, it is warm, or time is up.
private final class ShortRun {
    private let clock: any MonotonicClock
    private let thermal: any ThermalProbe
    private var samples: [UInt64] = []
    private var seconds = 0.0
    private var hottest: Int?
    private var readNs: UInt64 = 0

    init(_ clock: any MonotonicClock, _ thermal: any ThermalProbe) {
        self.clock = clock
        self.thermal = thermal
    }

    func play(_ player: any FramePlayer) throws {
        let begunNs = clock.nanoseconds()
        read()
        var count = 0
        while count < CalibrationPlan.warmups, try goesOn(begunNs) {
            try player.frame()
            count += 1
        }
        let timedNs = clock.nanoseconds()
        while try goesOn(begunNs), !isEnough {
            let beforeNs = clock.nanoseconds()
            try player.frame()
            let afterNs = clock.nanoseconds()
            samples.append(passed(beforeNs, afterNs))
            seconds = Double(passed(timedNs, afterNs)) / nsPerSecond
        }
        read()
    }

    func trial(_ ended: Ended, physical: Bool, debuggable: Bool?) -> Trial {
        Trial(
            ended: ended, physicalDevice: physical, debuggable: debuggable, runs: samples.count,
            seconds: seconds, hottest: hottest,
            p95Ms: Statistics(samples.map { Double($0) / nsPerMs })?.p95)
    }

    private var isEnough: Bool {
        samples.count >= CalibrationPlan.leastRuns && seconds >= CalibrationPlan.leastSeconds
    }

    private func goesOn(_ begunNs: UInt64) throws -> Bool {
        try Task.checkCancellation()
        let now = clock.nanoseconds()
        if Double(passed(readNs, now)) >= nsPerSecond {
            read()
        }
        let spent = Double(passed(begunNs, now)) / nsPerSecond
        let late = spent >= CalibrationPlan.limitSeconds
        return !late && (hottest ?? 0) <= CalibrationPlan.warmest
    }

    private func read() {
        readNs = clock.nanoseconds()
        if let status = thermal.status() {
            hottest = max(status, hottest ?? status)
        }
    }
}
