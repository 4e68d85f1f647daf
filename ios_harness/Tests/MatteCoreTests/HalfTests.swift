import Foundation
import XCTest

@testable import MatteCore

final class HalfTests: XCTestCase {
    func testEveryHalfThatIsANumberComesBackFromSinglePrecision() {
        for bits in UInt16.min...UInt16.max where !Half.value(of: bits).isNaN {
            XCTAssertEqual(Half.bits(of: Half.value(of: bits)), bits)
        }
    }

    func testTiesGoToTheEvenHalf() {
        let lastPlace = Float(1) / 1024
        XCTAssertEqual(Half.bits(of: 1 + lastPlace / 2), 0x3c00)
        XCTAssertEqual(Half.bits(of: 1 + 3 * lastPlace / 2), 0x3c02)
        XCTAssertEqual(Half.bits(of: (1 + lastPlace / 2).nextUp), 0x3c01)
        XCTAssertEqual(Half.bits(of: Float(1) / 33_554_432), 0x0000)  // half of the smallest
        XCTAssertEqual(Half.bits(of: Float(3) / 33_554_432), 0x0002)
    }

    func testWhatIsTooLargeIsInfiniteAndNotANumberStaysSo() {
        XCTAssertEqual(Half.bits(of: 65_504), 0x7bff)
        XCTAssertEqual(Half.bits(of: Float(65_520).nextDown), 0x7bff)
        XCTAssertEqual(Half.bits(of: -65_520), 0xfc00)
        XCTAssertTrue(Half.value(of: Half.bits(of: .nan)).isNaN)
    }
}
