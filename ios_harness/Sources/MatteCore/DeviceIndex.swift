/// The device table as a device needs it: names to classes. See docs/on-device.md.
struct DeviceIndex: Decodable, Sendable {
    let android: Family
    let apple: Family
    let declared: [Floor]
    let fewCores: Int
    let socs: [IndexSoc]
    let devices: [IndexDevice]

    enum CodingKeys: String, CodingKey {
        case android, apple, declared
        case fewCores = "few_cores"
        case socs, devices
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        android = try fields.decode(Family.self, forKey: .android)
        apple = try fields.decode(Family.self, forKey: .apple)
        declared = try fields.decode([Floor].self, forKey: .declared)
        fewCores = try fields.count(.fewCores)
        socs = try fields.decode([IndexSoc].self, forKey: .socs)
        devices = try fields.decode([IndexDevice].self, forKey: .devices)
        let processors = socs.count
        guard devices.allSatisfy({ $0.soc < processors }) else {
            throw fields.wrong(.devices, "names a processor that is not there")
        }
    }

    func family(_ facts: Facts) -> Family {
        facts.isAndroid ? android : apple
    }
}

/// From `least` on it is `tier`.
struct Floor: Decodable, Sendable {
    let least: Int
    let tier: String

    enum CodingKeys: String, CodingKey {
        case least, tier
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        least = try fields.count(.least)
        tier = try fields.text(.tier, .tier)
    }
}

/// The weakest class of what runs versions up to `last`; nil for every later one.
struct Running: Decodable, Sendable {
    let last: Int?
    let tier: String

    enum CodingKeys: String, CodingKey {
        case last, tier
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        last = try fields.countOrNil(.last)
        tier = try fields.text(.tier, .tier)
    }
}

/// What holds for all devices of Android, or all of Apple.
struct Family: Decodable, Sendable {
    let memory: [Floor]
    let sold: [Floor]
    let systems: [Running]
}

/// A processor; `most` is the class that it allows, nil where nobody says what it does.
struct IndexSoc: Decodable, Sendable {
    let names: [String]
    let apple: Bool
    let most: String?
    let leastMib: Int

    enum CodingKeys: String, CodingKey {
        case names, apple, most
        case leastMib = "least_mib"
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        names = try fields.decode([String].self, forKey: .names)
        apple = try fields.decode(Bool.self, forKey: .apple)
        most = try fields.textOrNil(.most, .tier)
        leastMib = try fields.count(.leastMib)
    }
}

/// A device, its names folded; `soc` is the place of its processor.
struct IndexDevice: Decodable, Sendable {
    let platform: String
    let manufacturer: String
    let models: [String]
    let devices: [String]
    let soc: Int
    let leastMib: Int

    enum CodingKeys: String, CodingKey {
        case platform, manufacturer, models, devices, soc
        case leastMib = "least_mib"
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        platform = try fields.text(.platform, .platform)
        manufacturer = try fields.decode(String.self, forKey: .manufacturer)
        models = try fields.decode([String].self, forKey: .models)
        devices = try fields.decode([String].self, forKey: .devices)
        soc = try fields.count(.soc)
        leastMib = try fields.count(.leastMib)
    }
}
