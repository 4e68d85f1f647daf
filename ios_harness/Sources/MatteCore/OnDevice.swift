import Foundation

/// What a device runs of a network.
public struct DeviceDecision: Sendable {
    public let network: String
    public let placed: Placed
    /// Class of the group that it is in: its own, or the highest below it.
    public var groupClass: String?
    /// `no_group`, `no_network`, `nothing_taken` or `files_damaged`; nil where there is something.
    public var refused: String?
    /// What is held whole, from low to high.
    public var steps: [HeldStep] = []
    /// Place of what is run; nil where it is refused.
    public var at: Int?
    /// Paths that are missing or not as they were chosen.
    public var damaged: [String] = []
    /// What to ask the runtime for; nil where no run said which is best.
    public var delegate: String?
    /// The budget; nil where there is none.
    public var frameMs: Double?

    init(network: String, placed: Placed) {
        self.network = network
        self.placed = placed
    }

    /// The place of what is run; throws, with the way out, where there is nothing.
    public func require() throws -> Int {
        if let at { return at }
        switch refused {
        case "no_group":
            throw Fault(
                "the lock has nothing for \(placed.platform) \(placed.deviceClass); "
                    + "run pocketmatte select --all, or leave \(network) out")
        case "no_network":
            throw Fault("the lock has no \(network); name it in the policy, and select again")
        case "nothing_taken":
            throw Fault(
                "the lock takes nothing of \(network) for \(groupClass ?? ""); leave it out here")
        default:
            let paths = damaged.joined(separator: ", ")
            throw Fault("of \(network) nothing is whole: \(paths); bring the bundle again")
        }
    }
}

/// What `pocketmatte bundle --neighbours` wrote into a folder, and what a device makes of it.
///
/// Reads and hashes files: not for the main thread.
public struct OnDevice: Sendable {
    public let lockSha256: String
    public let deviceSha256: String
    private let root: URL
    private let lock: DeviceLock
    private let file: DeviceFile

    /// Read the lock and what lies beside it.
    public static func read(_ root: URL) throws -> OnDevice {
        let lockData = try content(
            of: root.appendingPathComponent("tiers.lock.json"), again: bundleAgain)
        let deviceData = try content(
            of: root.appendingPathComponent("tiers.device.json"), again: bundleAgain)
        let sha256 = Sha256.of(lockData).hexadecimal()
        let lock = try decoded(
            DeviceLock.self, from: lockData, named: "tiers.lock.json", again: bundleAgain)
        let file = try DeviceFile.read(deviceData, beside: lock, sha256)
        return OnDevice(
            lockSha256: sha256, deviceSha256: Sha256.of(deviceData).hexadecimal(), root: root,
            lock: lock, file: file)
    }

    /// What a device runs of a network, of the files that are here and whole.
    public func decide(_ facts: Facts, _ network: String) -> DeviceDecision {
        MatteCore.decide(lock, file, facts, network) { held in
            guard let url = try? inside(root, held.path), let found = try? fileFacts(url) else {
                return false
            }
            return found == FileFacts(sizeBytes: held.sizeBytes, sha256: held.sha256)
        }
    }
}

func decide(
    _ lock: DeviceLock, _ file: DeviceFile, _ facts: Facts, _ network: String,
    isWhole: (HeldFile) -> Bool
) -> DeviceDecision {
    let placed = place(file.index, facts)
    var decision = DeviceDecision(network: network, placed: placed)
    let groups = lock.groups.filter {
        $0.platform == placed.platform && $0.deviceClass <= placed.deviceClass
    }
    guard let group = groups.max(by: { $0.deviceClass < $1.deviceClass }) else {
        decision.refused = "no_group"
        return decision
    }
    decision.groupClass = group.deviceClass
    guard let choice = group.choices.first(where: { $0.network == network }) else {
        decision.refused = "no_network"
        return decision
    }
    guard let taken = choice.taken else {
        decision.refused = "nothing_taken"
        return decision
    }
    let beside = file.neighbours.filter {
        $0.platform == group.platform && $0.deviceClass == group.deviceClass
            && $0.network == network
    }
    let all = (beside.flatMap { $0.steps } + [taken.step]).sorted { $0.tier < $1.tier }
    for step in all {
        let wrong = step.files.filter { !isWhole($0) }
        decision.damaged += wrong.map { $0.path }
        if wrong.isEmpty {
            decision.steps.append(step)
        }
    }
    decision.at = decision.steps.lastIndex(where: { $0.tier <= taken.step.tier })
    if decision.at == nil {
        decision.refused = "files_damaged"
        decision.steps = []
    }
    decision.delegate = taken.delegate
    decision.frameMs = taken.frameMs
    return decision
}
