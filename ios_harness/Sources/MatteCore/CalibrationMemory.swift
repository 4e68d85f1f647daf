import Foundation

/// What a calibration holds for: where one of these changed, it is made anew.
public struct CalibrationKey: Codable, Equatable, Sendable {
    /// Manufacturer, model and memory.
    public let device: String
    /// Of the system, not only its version.
    public let osBuild: String
    /// Version and build of the app.
    public let app: String
    public let lockSha256: String
    public let deviceSha256: String

    enum CodingKeys: String, CodingKey {
        case device
        case osBuild = "os_build"
        case app
        case lockSha256 = "lock_sha256"
        case deviceSha256 = "device_sha256"
    }

    public init(
        device: String, osBuild: String, app: String, lockSha256: String, deviceSha256: String
    ) {
        self.device = device
        self.osBuild = osBuild
        self.app = app
        self.lockSha256 = lockSha256
        self.deviceSha256 = deviceSha256
    }
}

/// What was found of one network.
public struct CalibrationEntry: Codable, Equatable, Sendable {
    public let network: String
    /// Tier and recipe that the calibration began with.
    public let chosen: String
    public let recipe: String
    /// That it came to; nil where every attempt so far said nothing.
    public let tier: String?
    public let attempts: Int

    enum CodingKeys: String, CodingKey {
        case network, chosen, recipe, tier, attempts
    }

    init(network: String, chosen: String, recipe: String, tier: String?, attempts: Int) {
        self.network = network
        self.chosen = chosen
        self.recipe = recipe
        self.tier = tier
        self.attempts = attempts
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        network = try fields.text(.network, .word)
        chosen = try fields.text(.chosen, .tier)
        recipe = try fields.text(.recipe, .word)
        tier = try fields.textOrNil(.tier, .tier)
        attempts = try fields.count(.attempts)
    }

    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(network, forKey: .network)
        try fields.encode(chosen, forKey: .chosen)
        try fields.encode(recipe, forKey: .recipe)
        try fields.encode(tier, forKey: .tier)
        try fields.encode(attempts, forKey: .attempts)
    }
}

/// What earlier calibrations found, for the next launch.
public struct CalibrationMemory: Codable, Sendable {
    public let key: CalibrationKey
    public let entries: [CalibrationEntry]
    private var schemaVersion = 1

    enum CodingKeys: String, CodingKey {
        case key, entries
        case schemaVersion = "schema_version"
    }

    init(key: CalibrationKey, entries: [CalibrationEntry]) {
        self.key = key
        self.entries = entries
    }

    /// What is remembered: nothing where the file is damaged or of another key.
    public static func read(_ file: URL, _ key: CalibrationKey) -> CalibrationMemory {
        recalled(try? Data(contentsOf: file), key)
    }

    static func recalled(_ data: Data?, _ key: CalibrationKey) -> CalibrationMemory {
        let nothing = CalibrationMemory(key: key, entries: [])
        guard let data,
            let found = try? decoded(
                CalibrationMemory.self, from: data, named: "what is remembered",
                again: "it is made anew")
        else { return nothing }
        return found.key == key ? found : nothing
    }

    /// The place of the tier that an earlier calibration came to, if it is still held.
    public func remembered(_ decision: DeviceDecision) throws -> Int? {
        let at = try decision.require()
        guard let tier = entry(decision.network, decision.steps[at])?.tier,
            let place = decision.steps.firstIndex(where: { $0.tier == tier }), abs(place - at) <= 1
        else { return nil }
        return place
    }

    /// Whether a calibration is to be made.
    public func isDue(_ decision: DeviceDecision) throws -> Bool {
        if try remembered(decision) != nil { return false }
        let at = try decision.require()
        guard let found = entry(decision.network, decision.steps[at]) else { return true }
        return found.tier != nil || found.attempts < mostAttempts
    }

    /// A memory with what a calibration came to.
    public func noted(
        _ decision: DeviceDecision, _ found: Calibrated
    ) throws -> CalibrationMemory {
        let step = decision.steps[try decision.require()]
        let before = entry(decision.network, step)
        let attempts = before.map { $0.tier == nil ? $0.attempts : 0 } ?? 0
        let now = CalibrationEntry(
            network: decision.network, chosen: step.tier, recipe: step.recipe,
            tier: found.valid ? decision.steps[found.at].tier : nil, attempts: attempts + 1)
        let others = entries.filter { $0.network != decision.network }
        return CalibrationMemory(key: key, entries: others + [now])
    }

    /// Write it whole or not at all.
    public func write(to file: URL) throws {
        try JSONEncoder().encode(self).write(to: file, options: .atomic)
    }

    private func entry(_ network: String, _ step: HeldStep) -> CalibrationEntry? {
        entries.first(where: {
            $0.network == network && $0.chosen == step.tier && $0.recipe == step.recipe
        })
    }
}

private let mostAttempts = 3  // of a phone that is always hot, or an app that is always left
