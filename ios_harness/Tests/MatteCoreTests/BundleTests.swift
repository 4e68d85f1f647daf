import Foundation
import XCTest

@testable import MatteCore

final class BundleTests: XCTestCase {
    func testAFoldersHashIsOfItsNamesAndContentsInSortedOrder() throws {
        let folder = try emptyFolder(self)
        let inner = folder.appendingPathComponent("a")
        try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
        try Data("two".utf8).write(to: folder.appendingPathComponent("b"))
        try Data("one".utf8).write(to: inner.appendingPathComponent("x"))
        var expected = Sha256()
        expected.update(Data("a/x\0".utf8))
        expected.update(Sha256.of(Data("one".utf8)).digest())
        expected.update(Data("b\0".utf8))
        expected.update(Sha256.of(Data("two".utf8)).digest())
        XCTAssertEqual(
            try fileFacts(folder), FileFacts(sizeBytes: 6, sha256: expected.hexadecimal()))
    }

    func testAPathThatLeavesTheBundleIsRefused() throws {
        let root = try emptyFolder(self)
        for path in ["", ".", "/etc/hosts", "../x", "a/../../x", "a\\b"] {
            XCTAssertThrowsError(try inside(root, path), path) { error in
                XCTAssertTrue(oneLine(error).contains("outside the bundle"))
            }
        }
        XCTAssertEqual(try inside(root, "rvm/t01/x").lastPathComponent, "x")
    }

    func testALinkThatLeavesTheBundleIsRefused() throws {
        let root = try emptyFolder(self)
        let elsewhere = try emptyFolder(self)
        try FileManager.default.createSymbolicLink(
            at: root.appendingPathComponent("link"), withDestinationURL: elsewhere)
        XCTAssertThrowsError(try inside(root, "link"))
        XCTAssertThrowsError(try fileFacts(root))
    }

    func testAManifestOfAnotherVersionIsRefused() throws {
        let root = try emptyFolder(self)
        let text = "{\"schema_version\": 2, \"artifacts\": [], \"packages\": []}"
        try Data(text.utf8).write(to: root.appendingPathComponent("manifest.json"))
        XCTAssertThrowsError(try Manifest.read(root)) { error in
            XCTAssertTrue(oneLine(error).contains("schema_version 2"), oneLine(error))
        }
    }

    private func step(_ files: [HeldFile], format: String = "coreml") -> HeldStep {
        HeldStep(tier: "t01", format: format, recipe: "fp32", files: files)
    }

    func testTheProgramOfAStepIsThatOfItsFileWhateverElseTheTierHas() throws {
        let root = try emptyFolder(self)
        try writeFakeBundle(root)
        let manifest = try Manifest.read(root)
        for artifact in manifest.artifacts {
            let found = try manifest.program(of: step([HeldFile(artifact)]))
            XCTAssertEqual(found.path, artifact.path)
        }
    }

    func testAStepThatNoStreamRunsIsRefused() throws {
        let root = try emptyFolder(self)
        try writeFakeBundle(root)
        let manifest = try Manifest.read(root)
        let files = manifest.artifacts.map { HeldFile($0) }
        let gone = Data(
            """
            {"path": "gone", "program": "mix", "size_bytes": 1,
             "sha256": "\(String(repeating: "0", count: 64))"}
            """.utf8)
        let unknown = try JSONDecoder().decode(HeldFile.self, from: gone)
        for (wrong, why) in [
            (step([files[0]], format: "coreml-image"), "was chosen in coreml-image"),
            (step(files), "is of 2 programs"),
            (step([unknown]), "has no gone"),
        ] {
            XCTAssertThrowsError(try manifest.program(of: wrong)) { error in
                XCTAssertTrue(oneLine(error).contains(why), oneLine(error))
            }
        }
    }

    func testRowsOfAPaddedTensorBeginWhereItsStridesSay() {
        XCTAssertEqual(
            rowStarts(shape: [1, 2, 2, 3], strides: [64, 32, 16, 1]), [0, 16, 32, 48])
        XCTAssertEqual(rowStarts(shape: [4], strides: [1]), [0])
    }

    func testOnlyAShapeOfPositiveLengthsHasACount() {
        XCTAssertEqual(elementCount([2, 3]), 6)
        XCTAssertNil(elementCount([2, 0]))
        XCTAssertNil(elementCount([Int.max, 2]))
    }
}
