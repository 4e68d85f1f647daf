#if canImport(CoreML)
import CoreML
import MatteCore
import XCTest

@testable import MatteCoreML

final class MultiArrayTests: XCTestCase {
    func testTheProcessorsHalvesAreOurs() {
        for bits in UInt16.min...UInt16.max where !Half.value(of: bits).isNaN {
            XCTAssertEqual(halfValue(bits), Half.value(of: bits))
        }
        for pattern in stride(from: UInt32(0), to: 0x7f80_0000, by: 8191) {
            let value = Float(bitPattern: pattern)
            XCTAssertEqual(halfBits(value), Half.bits(of: value), "\(value)")
            XCTAssertEqual(halfBits(-value), Half.bits(of: -value), "\(-value)")
        }
    }

    func testATensorComesBackFromCoreMLsArrays() throws {
        let given = Tensor(shape: [1, 2, 2, 3], values: (0..<12).map { Float($0) / 4 })
        for dtype in [Manifest.Feature.Dtype.float16, .float32] {
            XCTAssertEqual(try tensor(multiArray(given, dtype), named: "x"), given)
        }
    }

    func testPaddedRowsAreLeftOut() throws {
        let array = try MLMultiArray(shape: [1, 2, 4], dataType: .float32)
        for index in 0..<8 {
            array[index] = NSNumber(value: index)
        }
        let padded = try MLMultiArray(
            dataPointer: array.dataPointer, shape: [1, 2, 3], dataType: .float32,
            strides: [8, 4, 1], deallocator: nil)
        let found = try withExtendedLifetime(array) { try tensor(padded, named: "x") }
        XCTAssertEqual(found, Tensor(shape: [1, 2, 3], values: [0, 1, 2, 4, 5, 6]))
    }

    func testSeveralPlacementsAreNamedTogether() {
        XCTAssertEqual(together([.neuralEngine, .neuralEngine]), "neural_engine")
        XCTAssertEqual(together([.neuralEngine, .cpu]), "cpu+neural_engine")
        XCTAssertNil(together([.neuralEngine, nil]))
    }
}
#endif
