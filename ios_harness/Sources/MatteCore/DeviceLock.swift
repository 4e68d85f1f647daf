/// A file of a bundle, as it was chosen.
public struct HeldFile: Decodable, Equatable, Sendable {
    public let path: String
    public let program: String
    public let sha256: String
    public let sizeBytes: Int

    enum CodingKeys: String, CodingKey {
        case path, program, sha256
        case sizeBytes = "size_bytes"
    }

    public init(_ artifact: Manifest.Artifact) {
        path = artifact.path
        program = artifact.program
        sha256 = artifact.sha256
        sizeBytes = artifact.sizeBytes
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        path = try fields.text(.path, .path)
        program = try fields.text(.program, .word)
        sha256 = try fields.text(.sha256, .sha256)
        sizeBytes = try fields.count(.sizeBytes)
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard !path.contains("\\"), !parts.contains(where: { ["", ".", ".."].contains($0) }) else {
            throw fields.wrong(.path, "\(path) leads outside")
        }
    }
}

/// One tier in one format and recipe, with the files of its programs in the order of their calls.
public struct HeldStep: Decodable, Equatable, Sendable {
    public let tier: String
    public let format: String
    public let recipe: String
    public let files: [HeldFile]

    enum CodingKeys: String, CodingKey {
        case tier, format, recipe, files
    }

    public init(tier: String, format: String, recipe: String, files: [HeldFile]) {
        self.tier = tier
        self.format = format
        self.recipe = recipe
        self.files = files
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        tier = try fields.text(.tier, .tier)
        format = try fields.text(.format, .word)
        recipe = try fields.text(.recipe, .word)
        files = try fields.decode([HeldFile].self, forKey: .files)
        guard !files.isEmpty else { throw fields.wrong(.files, "holds none") }
        try fields.once(files.map { $0.path }, .files)
        try fields.once(files.map { $0.program }, .files)
    }
}

/// What was taken of a network, what to ask the runtime for, and the budget.
struct Taken: Decodable, Sendable {
    let step: HeldStep
    let delegate: String?
    let frameMs: Double?

    enum CodingKeys: String, CodingKey {
        case delegate
        case frameMs = "frame_ms"
    }

    private struct Asked: Decodable {
        let requested: String

        enum CodingKeys: String, CodingKey {
            case requested
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            requested = try fields.text(.requested, .word)
        }
    }

    private struct Limit: Decodable {
        let limit: Double?

        enum CodingKeys: String, CodingKey {
            case limit
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            limit = try fields.isNull(.limit) ? nil : fields.decode(Double.self, forKey: .limit)
            if let limit, limit < 0 { throw fields.wrong(.limit, "is below 0") }
        }
    }

    init(from decoder: any Decoder) throws {
        step = try HeldStep(from: decoder)
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        if try fields.isNull(.delegate) {
            delegate = nil
        } else {
            delegate = try fields.decode(Asked.self, forKey: .delegate).requested
        }
        frameMs = try fields.decode(Limit.self, forKey: .frameMs).limit
    }
}

/// What a group gets of one network; nil where nothing will do.
struct DeviceChoice: Decodable, Sendable {
    let network: String
    let taken: Taken?

    enum CodingKeys: String, CodingKey {
        case network, taken
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        network = try fields.text(.network, .word)
        taken = try fields.isNull(.taken) ? nil : fields.decode(Taken.self, forKey: .taken)
    }
}

/// Devices that get the same.
struct DeviceGroup: Decodable, Sendable {
    let platform: String
    let deviceClass: String
    let choices: [DeviceChoice]

    enum CodingKeys: String, CodingKey {
        case platform
        case deviceClass = "device_class"
        case choices
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        platform = try fields.text(.platform, .platform)
        deviceClass = try fields.text(.deviceClass, .tier)
        choices = try fields.decode([DeviceChoice].self, forKey: .choices)
        try fields.once(choices.map { $0.network }, .choices)
    }
}

/// The part of `tiers.lock.json` that an app looks at.
struct DeviceLock: Decodable, Sendable {
    let inputs: Inputs
    let groups: [DeviceGroup]

    struct Inputs: Decodable, Sendable {
        let devicesSha256: String

        enum CodingKeys: String, CodingKey {
            case devicesSha256 = "devices_sha256"
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            devicesSha256 = try fields.text(.devicesSha256, .sha256)
        }
    }

    enum CodingKeys: String, CodingKey {
        case inputs, groups
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        inputs = try fields.decode(Inputs.self, forKey: .inputs)
        groups = try fields.decode([DeviceGroup].self, forKey: .groups)
        try fields.once(groups.map { "\($0.platform) \($0.deviceClass)" }, .groups)
    }
}
