/// What a text must be, all of it.
enum Form {
    case word, path, sha256, tier, platform

    func fits(_ text: String) -> Bool {
        let bytes = text.utf8
        switch self {
        case .word:
            return (1...80).contains(bytes.count) && bytes.allSatisfy { (0x21...0x7e).contains($0) }
        case .path:
            return (1...4096).contains(bytes.count)
                && bytes.allSatisfy { (0x20...0x7e).contains($0) }
        case .sha256:
            return bytes.count == 64 && bytes.allSatisfy { hexadecimal.contains($0) }
        case .tier:
            return tiers.contains(text)
        case .platform:
            return Facts.platforms.contains(text)
        }
    }
}

private let hexadecimal = Set("0123456789abcdef".utf8)
private let tiers: Set<String> = [
    "t01", "t02", "t03", "t04", "t05", "t06", "t07", "t08", "t09", "t10", "t11", "t12",
]

extension KeyedDecodingContainer {
    func text(_ key: Key, _ form: Form) throws -> String {
        let found = try decode(String.self, forKey: key)
        guard form.fits(found) else { throw wrong(key, "is not of its form") }
        return found
    }

    /// Null is nil; a member that is missing is refused.
    func textOrNil(_ key: Key, _ form: Form) throws -> String? {
        try isNull(key) ? nil : text(key, form)
    }

    func count(_ key: Key) throws -> Int {
        let found = try decode(Int.self, forKey: key)
        guard found >= 0 else { throw wrong(key, "is below 0") }
        return found
    }

    func countOrNil(_ key: Key) throws -> Int? {
        try isNull(key) ? nil : count(key)
    }

    func isNull(_ key: Key) throws -> Bool {
        guard contains(key) else {
            throw DecodingError.keyNotFound(
                key, DecodingError.Context(codingPath: codingPath, debugDescription: "is missing"))
        }
        return try decodeNil(forKey: key)
    }

    func wrong(_ key: Key, _ what: String) -> DecodingError {
        DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: what)
    }

    /// Refuse a name that is there twice.
    func once<Name: Hashable>(_ names: [Name], _ key: Key) throws {
        if Set(names).count < names.count { throw wrong(key, "holds one name twice") }
    }
}
