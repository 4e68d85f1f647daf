import Foundation

private struct Version: Decodable {
    let schemaVersion: Int

    enum CodingKeys: String, CodingKey {
        case schemaVersion = "schema_version"
    }
}

/// Decode a JSON file of schema version 1.
///
/// - Parameter again: What to do where the file is no good.
func decoded<Content: Decodable>(
    _ type: Content.Type, from data: Data, named name: String, again: String
) throws -> Content {
    guard isPlain(data) else {
        throw Fault("\(name) is not JSON in UTF-8 without a byte order mark; \(again)")
    }
    do {
        let version = try JSONDecoder().decode(Version.self, from: data).schemaVersion
        guard version == 1 else {
            throw Fault("\(name) has schema_version \(version), this harness reads 1; \(again)")
        }
        return try JSONDecoder().decode(Content.self, from: data)
    } catch let error as DecodingError {
        throw Fault("\(name) is not of its form: \(described(error)); \(again)")
    }
}

/// JSON in UTF-8 begins in ASCII and holds no NUL; Foundation would take UTF-16 and marks as well.
private func isPlain(_ data: Data) -> Bool {
    guard let first = data.first else { return false }
    return first < 0x80 && !data.contains(0)
}

func content(of url: URL, again: String) throws -> Data {
    do {
        return try Data(contentsOf: url)
    } catch {
        throw Fault("\(url.path) cannot be read (\(oneLine(error))); \(again)")
    }
}

private func described(_ error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, let context):
        return placed(context.codingPath + [key], "is missing")
    case .typeMismatch(_, let context):
        return placed(context.codingPath, context.debugDescription)
    case .valueNotFound(_, let context):
        return placed(context.codingPath, context.debugDescription)
    case .dataCorrupted(let context):
        return placed(context.codingPath, context.debugDescription)
    @unknown default:
        return oneLine(error)
    }
}

private func placed(_ path: [any CodingKey], _ what: String) -> String {
    let names = path.map { $0.stringValue }
    return (names.isEmpty ? "the whole file" : names.joined(separator: ".")) + ": " + what
}
