/// How a short run ended.
public enum Ended: String, Decodable, Sendable {
    case done, cancelled, failed
}

/// What a short run of one tier came to.
public struct Trial: Decodable, Sendable {
    public let ended: Ended
    public let physicalDevice: Bool
    /// Whether the app is a debug build; nil where nobody can tell.
    public let debuggable: Bool?
    /// Frames after the warm-up, and what they took together.
    public let runs: Int
    public let seconds: Double
    /// Of all thermal states, from before it to after it; nil without one.
    public let hottest: Int?
    /// Of whole frames; nil where there is none.
    public let p95Ms: Double?

    enum CodingKeys: String, CodingKey {
        case ended
        case physicalDevice = "physical_device"
        case debuggable, runs, seconds, hottest
        case p95Ms = "p95_ms"
    }
}

/// What a calibration comes to.
public struct Calibrated: Decodable, Equatable, Sendable {
    /// Place of the tier to run.
    public let at: Int
    /// A reason of docs/on-device.md.
    public let why: String
    /// Whether it says anything; where not, `at` is what it was.
    public let valid: Bool

    public init(at: Int, why: String, valid: Bool) {
        self.at = at
        self.why = why
        self.valid = valid
    }
}

/// Whether the next higher tier is to be tried too.
public func triesHigher(held: Int, at: Int, limitMs: Double?, _ own: Trial) -> Bool {
    guard let limitMs, let p95Ms = finite(own), invalid(own) == nil, at + 1 < held else {
        return false
    }
    return own.hottest != nil && p95Ms <= triedBelow * limitMs
}

/// Which tier to run: the one at `at` that was taken, or the one beside it.
public func calibrated(
    held: Int, at: Int, limitMs: Double?, _ own: Trial, higher: Trial?
) -> Calibrated {
    guard let limitMs else { return Calibrated(at: at, why: "no_budget", valid: false) }
    if let wrong = invalid(own) { return Calibrated(at: at, why: wrong, valid: false) }
    guard let ownMs = finite(own) else {
        return Calibrated(at: at, why: "not_measured", valid: false)
    }
    if ownMs > limitMs {
        return at > 0
            ? Calibrated(at: at - 1, why: "too_slow", valid: true)
            : Calibrated(at: at, why: "lowest_held", valid: true)
    }
    guard let higher, triesHigher(held: held, at: at, limitMs: limitMs, own) else {
        return Calibrated(at: at, why: "kept", valid: true)
    }
    if let wrong = invalid(higher) { return Calibrated(at: at, why: wrong, valid: false) }
    guard let higherMs = finite(higher) else {
        return Calibrated(at: at, why: "not_measured", valid: false)
    }
    if higher.hottest == nil || higherMs > takenBelow * limitMs {
        return Calibrated(at: at, why: "kept", valid: true)
    }
    return Calibrated(at: at + 1, why: "faster", valid: true)
}

enum CalibrationPlan {
    static let warmups = 5
    static let leastRuns = 30
    static let leastSeconds = 2.0
    static let limitSeconds = 6.0  // of each tier that is tried, and there are at most two
    static let warmest = 1  // light; Apple's fair
}

// A higher tier is tried where this one takes no more of the budget, and taken where that one takes
// no more: what lies between and the whole budget is kept, so that noise moves nothing.
private let triedBelow = 0.7
private let takenBelow = 0.85

private func finite(_ trial: Trial) -> Double? {
    trial.p95Ms.flatMap { $0.isFinite ? $0 : nil }
}

/// The first reason why a run says nothing.
private func invalid(_ trial: Trial) -> String? {
    if !trial.physicalDevice { return "not_physical" }
    if trial.debuggable == true { return "not_debuggable" }
    if trial.ended != .done { return trial.ended.rawValue }
    if let hottest = trial.hottest, hottest > CalibrationPlan.warmest { return "thermal_ok" }
    if trial.runs < CalibrationPlan.leastRuns { return "min_runs_met" }
    return trial.seconds >= CalibrationPlan.leastSeconds ? nil : "min_seconds_met"
}
