import Foundation
import XCTest

@testable import MatteCore

/// The repository that this package lies in.
let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent()  // MatteCoreTests
    .deletingLastPathComponent()  // Tests
    .deletingLastPathComponent()  // ios_harness
    .deletingLastPathComponent()

let vectors = repository.appendingPathComponent("docs/protocol/vectors")

private struct CaseFile<Case: Decodable>: Decodable {
    let cases: [Case]
}

/// The cases of one file of vectors.
func vectorCases<Case: Decodable>(_ type: Case.Type, _ name: String) throws -> [Case] {
    let data = try Data(contentsOf: vectors.appendingPathComponent(name))
    let cases = try JSONDecoder().decode(CaseFile<Case>.self, from: data).cases
    XCTAssertFalse(cases.isEmpty, "\(name) holds no case")
    return cases
}

func assertClose(
    _ found: Double?, _ expected: Double?, relative: Double, _ what: String,
    file: StaticString = #filePath, line: UInt = #line
) {
    guard let found, let expected else {
        XCTAssertTrue(found == nil && expected == nil, what, file: file, line: line)
        return
    }
    let tolerance = relative * max(abs(expected), 1e-300)
    XCTAssertEqual(found, expected, accuracy: tolerance, what, file: file, line: line)
}

/// A folder that is gone after the test.
func emptyFolder(_ test: XCTestCase) throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    test.addTeardownBlock { try? FileManager.default.removeItem(at: folder) }
    return folder
}
