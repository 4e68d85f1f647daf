import Foundation

/// What a file, or a folder that counts as one, is on disk.
public struct FileFacts: Equatable, Sendable {
    public let sizeBytes: Int
    public let sha256: String
}

/// Read a file's size and hash. A folder's hash is that of its relative names and contents in
/// sorted order, as `pocketmatte build` makes it.
public func fileFacts(_ url: URL) throws -> FileFacts {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) else {
        throw Fault("\(url.path) is missing; build the bundle again")
    }
    guard isFolder.boolValue else {
        let content = try Data(contentsOf: url, options: .mappedIfSafe)
        return FileFacts(sizeBytes: content.count, sha256: Sha256.of(content).hexadecimal())
    }
    var total = Sha256()
    var sizeBytes = 0
    for name in try memberNames(url) {
        let content = try Data(
            contentsOf: url.appendingPathComponent(name), options: .mappedIfSafe)
        total.update(Data("\(name)\0".utf8))
        total.update(Sha256.of(content).digest())
        sizeBytes += content.count
    }
    return FileFacts(sizeBytes: sizeBytes, sha256: total.hexadecimal())
}

/// Return `root/relative`, refusing whatever leads out of `root`.
public func inside(_ root: URL, _ relative: String) throws -> URL {
    let parts = relative.split(separator: "/", omittingEmptySubsequences: true)
    let names = parts.filter { $0 != "." }
    let url = root.appendingPathComponent(relative)
    let climbs = relative.hasPrefix("/") || names.isEmpty || names.contains("..")
    let odd = relative.contains("\\") || relative.contains("\0")
    if climbs || odd || leadsOut(root, url) {
        throw Fault("path \(relative) leads outside the bundle \(root.path); build it again")
    }
    return url
}

private func leadsOut(_ root: URL, _ url: URL) -> Bool {
    // Of a missing file links cannot be followed, and nothing will be read from it.
    guard FileManager.default.fileExists(atPath: url.path) else { return false }
    let outer = root.resolvingSymlinksInPath().path
    let inner = url.resolvingSymlinksInPath().path
    return !inner.hasPrefix(outer + "/")
}

private func memberNames(_ folder: URL) throws -> [String] {
    var names: [String] = []
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
        let path = folder.appendingPathComponent(name).path
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        guard let type = attributes[.type] as? FileAttributeType else { continue }
        if type == .typeRegular {
            names.append(name)
        } else if type != .typeDirectory {
            throw Fault("\(path) is no file; a bundle holds files only: build it again")
        }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}
