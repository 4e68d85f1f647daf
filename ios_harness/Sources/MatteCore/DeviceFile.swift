import Foundation

/// What a group may step to from what it gets of one network, from low to high.
struct Neighbours: Decodable, Sendable {
    let platform: String
    let deviceClass: String
    let network: String
    let steps: [HeldStep]

    enum CodingKeys: String, CodingKey {
        case platform
        case deviceClass = "device_class"
        case network, steps
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        platform = try fields.text(.platform, .platform)
        deviceClass = try fields.text(.deviceClass, .tier)
        network = try fields.text(.network, .word)
        steps = try fields.decode([HeldStep].self, forKey: .steps)
        let tiers = steps.map { $0.tier }
        guard zip(tiers, tiers.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw fields.wrong(.steps, "does not rise")
        }
    }
}

/// `tiers.device.json`: what an app needs beside its lock.
struct DeviceFile: Decodable, Sendable {
    let lockSha256: String
    let devicesSha256: String
    let index: DeviceIndex
    let neighbours: [Neighbours]

    enum CodingKeys: String, CodingKey {
        case lockSha256 = "lock_sha256"
        case devicesSha256 = "devices_sha256"
        case index, neighbours
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        lockSha256 = try fields.text(.lockSha256, .sha256)
        devicesSha256 = try fields.text(.devicesSha256, .sha256)
        index = try fields.decode(DeviceIndex.self, forKey: .index)
        neighbours = try fields.decode([Neighbours].self, forKey: .neighbours)
        let named = neighbours.map { "\($0.platform) \($0.deviceClass) \($0.network)" }
        try fields.once(named, .neighbours)
    }

    /// Read what lies beside a lock; refuse what was made for another, or contradicts it.
    static func read(_ data: Data, beside lock: DeviceLock, _ lockSha256: String) throws
        -> DeviceFile
    {
        let name = "tiers.device.json"
        let file = try decoded(DeviceFile.self, from: data, named: name, again: bundleAgain)
        guard file.lockSha256 == lockSha256, file.devicesSha256 == lock.inputs.devicesSha256 else {
            throw Fault("\(name) was made for another lock; \(bundleAgain)")
        }
        for each in file.neighbours {
            let group = lock.groups.first(where: {
                $0.platform == each.platform && $0.deviceClass == each.deviceClass
            })
            let choice = group?.choices.first(where: { $0.network == each.network })
            guard let taken = choice?.taken?.step,
                each.steps.allSatisfy({ $0.format == taken.format && $0.tier != taken.tier })
            else {
                throw Fault("\(name) has neighbours of what is not taken; \(bundleAgain)")
            }
        }
        return file
    }
}

let bundleAgain = "run pocketmatte bundle --neighbours again"
