import Foundation
import XCTest

@testable import MatteCore

final class VectorTests: XCTestCase {
    private struct StatisticsCase: Decodable {
        let samples: [Double]
        let expected: Statistics
    }

    func testStatisticsAreThoseOfTheVectors() throws {
        for one in try vectorCases(StatisticsCase.self, "statistics.json") {
            let found = try XCTUnwrap(Statistics(one.samples))
            let expected = one.expected
            XCTAssertEqual(found.count, expected.count)
            let pairs = [
                (found.mean, expected.mean), (found.min, expected.min), (found.max, expected.max),
                (found.stddev, expected.stddev), (found.p50, expected.p50),
                (found.p90, expected.p90), (found.p95, expected.p95), (found.p99, expected.p99),
            ]
            for (place, pair) in pairs.enumerated() {
                assertClose(pair.0, pair.1, relative: 1e-12, "figure \(place)")
            }
        }
    }

    func testThereAreNoStatisticsOfNothingNorOfWhatIsNotFinite() {
        XCTAssertNil(Statistics([]))
        XCTAssertNil(Statistics([1, .nan]))
    }

    private struct ChoiceCase: Decodable {
        let name: String
        let results: [Measured]
        let budget: Budget
        let expected: Choice
    }

    func testChoicesAreThoseOfTheVectors() throws {
        for one in try vectorCases(ChoiceCase.self, "choices.json") {
            XCTAssertEqual(choose(one.results, one.budget), one.expected, one.name)
        }
    }

    /// A value of a vector: a number, or `nan` as a word.
    private struct Value: Decodable {
        let float: Float

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let word = try? container.decode(String.self) {
                XCTAssertEqual(word, "nan")
                float = .nan
            } else {
                float = try container.decode(Float.self)
            }
        }
    }

    private struct Call: Decodable {
        let given: [Value]
        let reference: [Value]
    }

    private struct Expected: Decodable {
        let calls: Int
        let finite: Bool
        let psnr_db: Double?
        let free_max_abs: Double?
        let max_abs: Double?
        let mad: Double?
        let flipped: Double?
        let faults: [String]
    }

    private struct VerdictCase: Decodable {
        let name: String
        let output: Trace.Output
        let feature_range: Double
        let limits: Trace.Limits
        let matte: [Value]?
        let free: [Call]
        let forced: [Call]
        let expected: Expected
    }

    func testVerdictsAreThoseOfTheVectors() throws {
        for one in try vectorCases(VerdictCase.self, "verdicts.json") {
            let comparison = Comparison(one.output, featureRange: one.feature_range)
            for call in one.free {
                comparison.free(
                    given: call.given.map { $0.float }, expected: call.reference.map { $0.float },
                    matte: one.matte.map { values in values.map { $0.float } })
            }
            for call in one.forced {
                comparison.forced(
                    given: call.given.map { $0.float }, expected: call.reference.map { $0.float })
            }
            let found = comparison.figures()
            let expected = one.expected
            XCTAssertEqual(found.calls, expected.calls, one.name)
            XCTAssertEqual(found.finite, expected.finite, one.name)
            assertClose(found.psnrDb, expected.psnr_db, relative: 1e-9, one.name)
            assertClose(found.freeMaxAbs, expected.free_max_abs, relative: 1e-9, one.name)
            assertClose(found.maxAbs, expected.max_abs, relative: 1e-9, one.name)
            assertClose(found.mad, expected.mad, relative: 1e-9, one.name)
            assertClose(found.flipped, expected.flipped, relative: 1e-9, one.name)
            XCTAssertEqual(faults(one.output, found, one.limits), expected.faults, one.name)
        }
    }

    func testOneMatteShowsAllChannelsOfAPicture() {
        let picture = Trace.Output(
            name: "foreground", shape: [1, 3, 1, 2], relative: false, seen: true,
            shownBy: "alpha", judged: nil)
        let comparison = Comparison(picture, featureRange: 1e-3)
        comparison.free(
            given: [9, 0.5, 9, 0.5, 9, 0.5], expected: [0, 0, 0, 0, 0, 0], matte: [0, 1])
        // Three of six values show, each off by a half: the mean square is 1/8.
        assertClose(
            comparison.figures().psnrDb, 10 * log10(8.0), relative: 1e-12, "what does not show")
    }
}
