import Foundation

public enum RunStatus: String, Codable, Sendable {
    case ok, fallback
    case loadFailed = "load_failed"
    case runFailed = "run_failed"
    case parityFailed = "parity_failed"
    case invalid
}

public enum RunProcess: String, Codable, Sendable {
    case adbShell = "adb_shell"
    case appForeground = "app_foreground"
    case host, emulated
}

/// What a device gives back of one run, docs/protocol/result.schema.json.
///
/// nil means not measured, never zero, and is written as `null`: every key is always there. The
/// compiler's own encoding would leave nil out, so every part with an optional has its own.
public struct RunResult: Codable, Equatable, Sendable {
    public let schemaVersion: Int
    public let runId: String
    public let startedAt: String
    public let tool: Tool
    public let device: Device
    public let subject: Subject
    public let execution: Execution
    public let plan: Plan
    public let latency: [Latency]
    public let sustained: Sustained?
    public let memory: Memory?
    public let thermal: [Heat]
    public let battery: [Battery]
    public let parity: Parity?
    public let instructionsPerFrame: Int?
    public let validity: Validity
    public let status: RunStatus
    public let errors: [String]

    enum CodingKeys: String, CodingKey {
        case schemaVersion = "schema_version"
        case runId = "run_id"
        case startedAt = "started_at"
        case tool, device, subject, execution, plan, latency, sustained, memory, thermal, battery
        case parity
        case instructionsPerFrame = "instructions_per_frame"
        case validity, status, errors
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(schemaVersion, forKey: .schemaVersion)
        try container.encode(runId, forKey: .runId)
        try container.encode(startedAt, forKey: .startedAt)
        try container.encode(tool, forKey: .tool)
        try container.encode(device, forKey: .device)
        try container.encode(subject, forKey: .subject)
        try container.encode(execution, forKey: .execution)
        try container.encode(plan, forKey: .plan)
        try container.encode(latency, forKey: .latency)
        try container.encode(sustained, forKey: .sustained)
        try container.encode(memory, forKey: .memory)
        try container.encode(thermal, forKey: .thermal)
        try container.encode(battery, forKey: .battery)
        try container.encode(parity, forKey: .parity)
        try container.encode(instructionsPerFrame, forKey: .instructionsPerFrame)
        try container.encode(validity, forKey: .validity)
        try container.encode(status, forKey: .status)
        try container.encode(errors, forKey: .errors)
    }

    /// The file's text.
    public func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }

    /// Write beside the place and rename, so that a result that is there is whole.
    public func write(to url: URL) throws {
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try json().write(to: url, options: .atomic)
    }
}
