import Foundation
import XCTest

@testable import MatteCore

/// Messages and digests of FIPS 180-2, appendix B, and of the empty message.
final class Sha256Tests: XCTestCase {
    private func digest(_ text: String) -> String {
        Sha256.of(Data(text.utf8)).hexadecimal()
    }

    func testPublishedMessagesHaveTheirDigests() {
        XCTAssertEqual(
            digest(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        XCTAssertEqual(
            digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        XCTAssertEqual(
            digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
        XCTAssertEqual(
            digest(String(repeating: "a", count: 1_000_000)),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    func testPiecesOfAnyLengthGiveTheDigestOfTheWhole() {
        let message = [UInt8]((0..<200).map { UInt8($0) })
        let whole = Sha256.of(Data(message)).hexadecimal()
        for length in [1, 55, 63, 64, 65, 199] {
            var hash = Sha256()
            hash.update(Array(message[..<length]))
            hash.update(Array(message[length...]))
            XCTAssertEqual(hash.hexadecimal(), whole, "first piece of \(length)")
        }
    }
}
