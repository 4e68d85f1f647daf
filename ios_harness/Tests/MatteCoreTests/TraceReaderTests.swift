import Foundation
import XCTest

@testable import MatteCore

final class TraceReaderTests: XCTestCase {
    private func copiedTrace() throws -> URL {
        let folder = try emptyFolder(self).appendingPathComponent("trace")
        try FileManager.default.copyItem(at: vectors.appendingPathComponent("trace"), to: folder)
        return folder
    }

    private func edit(_ folder: URL, _ old: String, _ new: String) throws {
        let url = folder.appendingPathComponent("trace.json")
        let text = try String(contentsOf: url, encoding: .utf8)
        XCTAssertTrue(text.contains(old), old)
        let changed = text.replacingOccurrences(of: old, with: new)
        try changed.write(to: url, atomically: true, encoding: .utf8)
    }

    private func assertRefused(_ folder: URL, _ what: String, line: UInt = #line) {
        XCTAssertThrowsError(try TraceReader(TraceFile.read(folder)), line: line) { error in
            XCTAssertTrue(oneLine(error).contains(what), oneLine(error), line: line)
        }
    }

    func testTheTraceOfTheVectorsIsRead() throws {
        let reader = try TraceReader(TraceFile.read(copiedTrace()))
        let frame = try XCTUnwrap(reader.given[0]["frame"])
        XCTAssertEqual(frame.shape, [1, 1, 2, 2])
        XCTAssertEqual(frame.values, [0, Float(51) / 255, Float(102) / 255, 1])
        let alpha = try reader.expected(0)[0]
        XCTAssertEqual(alpha.values, frame.values.map { $0 / 2 })
    }

    func testTruncatedNumbersAreRefused() throws {
        let folder = try copiedTrace()
        let url = folder.appendingPathComponent("tensors.bin")
        try Data(contentsOf: url).dropLast().write(to: url)
        assertRefused(folder, "is 527 bytes, not 528")
    }

    func testNumbersWithAChangedBitAreRefused() throws {
        let folder = try copiedTrace()
        let url = folder.appendingPathComponent("tensors.bin")
        var data = try Data(contentsOf: url)
        data[data.startIndex] ^= 1
        try data.write(to: url)
        assertRefused(folder, "sha256")
    }

    func testAnotherSchemaVersionIsRefused() throws {
        let folder = try copiedTrace()
        try edit(folder, "\"schema_version\": 1", "\"schema_version\": 2")
        assertRefused(folder, "schema_version 2")
    }

    func testATensorBeyondTheEndIsRefused() throws {
        let folder = try copiedTrace()
        try edit(folder, "\"offset\": 512", "\"offset\": 513")
        assertRefused(folder, "beyond the end")
    }

    func testANegativeOffsetIsRefused() throws {
        let folder = try copiedTrace()
        try edit(folder, "\"offset\": 512", "\"offset\": -64")
        assertRefused(folder, "beyond the end")
    }

    func testNumbersElsewhereAreRefused() throws {
        let folder = try copiedTrace()
        try edit(folder, "\"path\": \"tensors.bin\"", "\"path\": \"../tensors.bin\"")
        assertRefused(folder, "../tensors.bin")
    }

    func testAnUnknownTypeOfNumberIsRefused() throws {
        let folder = try copiedTrace()
        try edit(folder, "\"dtype\": \"uint8\"", "\"dtype\": \"int8\"")
        assertRefused(folder, "not of its form")
    }

    func testAStepOfAnUnknownProgramIsRefused() throws {
        let folder = try copiedTrace()
        try edit(folder, "\"program\": \"tone\"", "\"program\": \"tint\"")
        assertRefused(folder, "runs tint")
    }
}
