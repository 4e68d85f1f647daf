/// What a choice looks at in a result.
public struct Measured: Decodable, Sendable {
    /// Validity flags; nil where nobody could tell.
    public struct Flags: Decodable, Sendable {
        public let minRunsMet: Bool?
        public let minSecondsMet: Bool?
        public let thermalOk: Bool?
        public let notDebuggable: Bool?

        enum CodingKeys: String, CodingKey {
            case minRunsMet = "min_runs_met"
            case minSecondsMet = "min_seconds_met"
            case thermalOk = "thermal_ok"
            case notDebuggable = "not_debuggable"
        }

        /// The first that is false, in the order of the protocol.
        var denied: String? {
            if minRunsMet == false { return CodingKeys.minRunsMet.rawValue }
            if minSecondsMet == false { return CodingKeys.minSecondsMet.rawValue }
            if thermalOk == false { return CodingKeys.thermalOk.rawValue }
            if notDebuggable == false { return CodingKeys.notDebuggable.rawValue }
            return nil
        }
    }

    public let runId: String
    public let tier: String
    public let format: String
    public let recipe: String
    public let status: RunStatus
    public let process: RunProcess
    public let physicalDevice: Bool
    public let latencyValid: Bool
    public let flags: Flags
    public let p95Ms: Double?
    public let peakBytes: Int?

    enum CodingKeys: String, CodingKey {
        case runId = "run_id"
        case tier, format, recipe, status, process
        case physicalDevice = "physical_device"
        case latencyValid = "latency_valid"
        case flags
        case p95Ms = "p95_ms"
        case peakBytes = "peak_bytes"
    }
}

/// What a frame may cost.
public struct Budget: Decodable, Sendable {
    public let frameMs: Double
    public let peakBytes: Int?
    public let process: RunProcess

    enum CodingKeys: String, CodingKey {
        case frameMs = "frame_ms"
        case peakBytes = "peak_bytes"
        case process
    }
}

/// What was chosen, and why each other that could not be was not, by its run.
public struct Choice: Decodable, Equatable, Sendable {
    public let runId: String?
    public let ruledOut: [String: String]

    enum CodingKeys: String, CodingKey {
        case runId = "run_id"
        case ruledOut = "ruled_out"
    }
}

/// Take the highest tier that keeps the budget; of several results of that tier the fastest; of
/// equally fast ones the first by format, recipe and run.
public func choose(_ results: [Measured], _ budget: Budget) -> Choice {
    var fitting: [Measured] = []
    var ruledOut: [String: String] = [:]
    for result in results {
        if let reason = objection(to: result, budget) {
            ruledOut[result.runId] = reason
        } else {
            fitting.append(result)
        }
    }
    let highest = fitting.map { $0.tier }.max()
    let best = fitting.filter { $0.tier == highest }.min { isBefore($0, $1) }
    return Choice(runId: best?.runId, ruledOut: ruledOut)
}

private func isBefore(_ one: Measured, _ other: Measured) -> Bool {
    let first = (one.p95Ms ?? .infinity, one.format, one.recipe, one.runId)
    let second = (other.p95Ms ?? .infinity, other.format, other.recipe, other.runId)
    return first < second
}

/// The first reason why a result cannot be chosen.
private func objection(to result: Measured, _ budget: Budget) -> String? {
    if result.status != .ok && result.status != .fallback { return "status" }
    if result.process != budget.process { return "process" }
    if !result.physicalDevice { return "not_physical" }
    if !result.latencyValid { return "latency_invalid" }
    if let flag = result.flags.denied { return flag }
    guard let p95Ms = result.p95Ms else { return "not_measured" }
    if p95Ms > budget.frameMs { return "too_slow" }
    guard let mostBytes = budget.peakBytes else { return nil }
    guard let peakBytes = result.peakBytes else { return "memory_not_measured" }
    return peakBytes > mostBytes ? "too_large" : nil
}
