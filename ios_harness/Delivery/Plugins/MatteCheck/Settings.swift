import Foundation

/// `pocketmatte.json` of a target: how its lock is checked. Relative paths begin at its folder.
struct Settings: Decodable {
    static let fileName = "pocketmatte.json"

    /// The path of a Python of 3.11 or newer.
    let python: String
    /// A checkout of PocketMatte.
    let sources: String
    let lock: String
    let bundle: String
    /// The folder of the target's resources that holds the files: `.copy("matte")` for `matte`.
    let folder: String
    let policy: String?
    let results: [String]?
    /// Those that `select` was told to choose for; all of the bundle or the policy if not given.
    let networks: [String]?
    let neighbours: Int?
    let frozen: Bool?

    static func read(in folder: URL) throws -> Settings {
        let file = folder.appendingPathComponent(fileName)
        guard let data = try? Data(contentsOf: file) else {
            throw SettingsError("\(file.path) is missing; docs/delivery.md says what it holds")
        }
        do {
            return try JSONDecoder().decode(Settings.self, from: data)
        } catch {
            throw SettingsError("\(file.path) is no settings: \(error)")
        }
    }

    /// The words after the program: a check, which writes nothing.
    func words(in folder: URL) -> [String] {
        func path(_ given: String) -> String {
            URL(fileURLWithPath: given, relativeTo: folder).path
        }
        var words = ["-B", "-s", "-m", "pocketmatte.selection", "deliver", path(lock)]
        words += ["--bundle", path(bundle), "--out", path(self.folder)]
        words += ["--layout", "assets", "--platform", "apple", "--check"]
        if let policy { words += ["--policy", path(policy)] }
        for each in results ?? [] { words += ["--results", path(each)] }
        if let networks, !networks.isEmpty {
            words += ["--network", networks.joined(separator: ",")]
        }
        if let neighbours { words += ["--neighbours", String(neighbours)] }
        if frozen == true { words.append("--frozen") }
        return words
    }

    func environment(in folder: URL) -> [String: String] {
        ["PYTHONPATH": URL(fileURLWithPath: sources, relativeTo: folder).path]
    }
}

struct SettingsError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
