/// What a device says of itself; nil where it does not say. What no device can say counts as not
/// known: nobody is there to mend it.
public struct Facts: Sendable {
    public static let platforms = ["android", "ios", "ipados"]

    let platform: String
    let manufacturer: String?
    let model: String?
    let device: String?
    let soc: String?
    let ramMib: Int?
    let mediaPerformanceClass: Int?
    let cores: Int?
    private let osVersion: String?
    private let apiLevel: Int?

    public init(
        platform: String, manufacturer: String? = nil, model: String? = nil, device: String? = nil,
        soc: String? = nil, ramBytes: Int? = nil, osVersion: String? = nil, apiLevel: Int? = nil,
        mediaPerformanceClass: Int? = nil, cores: Int? = nil
    ) throws {
        guard Facts.platforms.contains(platform) else {
            let known = Facts.platforms.joined(separator: ", ")
            throw Fault("platform is \(platform); there are \(known)")
        }
        self.platform = platform
        self.manufacturer = manufacturer
        self.model = model
        self.device = device
        self.soc = soc
        ramMib = within(ramBytes, 64 * mebibyte, 1 << 40).map { $0 / mebibyte }
        self.osVersion = osVersion
        self.apiLevel = within(apiLevel, 1, 10_000)  // the last is a system still in the making
        self.mediaPerformanceClass = within(mediaPerformanceClass, 0, 10_000)
        self.cores = within(cores, 1, 1024)
    }

    public init(_ said: RunResult.Device) throws {
        try self.init(
            platform: said.platform.rawValue, manufacturer: said.manufacturer, model: said.model,
            soc: said.soc, ramBytes: said.ramBytes, osVersion: said.osVersion,
            apiLevel: said.apiLevel, mediaPerformanceClass: said.mediaPerformanceClass,
            cores: said.cores)
    }

    var isAndroid: Bool {
        platform == "android"
    }

    /// Major version of the system, of its API level where it says no version.
    var major: Int? {
        let digits = (osVersion ?? "").utf8.drop(while: { !isDigit($0) }).prefix(while: isDigit)
        if (1...majorDigits).contains(digits.count) {
            return Int(String(decoding: digits, as: UTF8.self))
        }
        guard let apiLevel, isAndroid else { return nil }
        return apiLevel >= evenFrom ? apiLevel - 20 : androidOfApi[apiLevel]
    }
}

private let mebibyte = 1 << 20
private let majorDigits = 3

// Android's version of an API level, https://apilevels.com; from 33 on it is 20 less.
private let androidOfApi = [26: 8, 27: 8, 28: 9, 29: 10, 30: 11, 31: 12, 32: 12]
private let evenFrom = 33

private func within(_ value: Int?, _ low: Int, _ high: Int) -> Int? {
    guard let value, value >= low, value <= high else { return nil }
    return value
}

private func isDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte)
}
