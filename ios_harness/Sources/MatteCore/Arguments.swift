import Foundation

/// What a run is asked to do, from a command line or from an app's launch arguments.
public struct Arguments: Sendable {
    public static let usage = """
        matte-bench --bundle FOLDER --network NAME --tier NAME --recipe NAME --out FILE \
        [--trace FOLDER] [--compute-units \(delegates)] [--packed] \
        [--warmups N] [--runs N] [--seconds S] [--limit-seconds S] \
        [--fps N] [--sustained-seconds S] [--run-id NAME]; with --memory it loads and plays the \
        trace once and prints the most memory that it held, in bytes
        """

    public let bundle: URL
    public let trace: URL
    public let network: String
    public let tier: String
    public let recipe: String
    public let out: URL
    public let runId: String
    public let delegate: Delegate
    public let packed: Bool
    public let memory: Bool
    public let plan: RunResult.Plan

    /// Read the words after a program's name.
    ///
    /// - Parameter home: Where `bundle/` and `results/` lie if the words name none; nil where they
    ///   must.
    public init(_ words: [String], home: URL? = nil, startedAt: Date = Date()) throws {
        let given = try Words(words)
        let network = try given.text("--network")
        let tier = try given.text("--tier")
        let recipe = try given.text("--recipe")
        let stamp = utc(startedAt).replacingOccurrences(of: ":", with: "")
        let runId = given.values["--run-id"] ?? "\(network)-\(tier)-\(recipe)-\(stamp)"
        guard isRunId(runId) else {
            throw Fault("--run-id is \(runId); it has 1 to 80 of 0-9, A-Z, a-z, '.', '_', '-'")
        }
        let bundle = try given.url("--bundle", home?.appendingPathComponent("bundle"))
        out = try given.url("--out", home?.appendingPathComponent("results/\(runId).json"))
        trace = try given.url(
            "--trace", bundle.appendingPathComponent("traces/\(network)/\(tier)"))
        let units = given.values["--compute-units"] ?? Delegate.neuralEngine.rawValue
        guard let delegate = Delegate(rawValue: units) else {
            throw Fault("--compute-units is \(units); there are \(delegates)")
        }
        self.network = network
        self.tier = tier
        self.recipe = recipe
        self.runId = runId
        self.bundle = bundle
        self.delegate = delegate
        packed = given.flags.contains("--packed")
        memory = given.flags.contains("--memory")
        plan = RunResult.Plan(
            warmups: try given.count("--warmups", 10),
            runs: try given.count("--runs", 50),
            seconds: try given.number("--seconds", 5),
            limitSeconds: try given.number("--limit-seconds", 120),
            framesPerSecond: try given.rate("--fps"),
            sustainedSeconds: try given.number("--sustained-seconds", 20))
    }
}

/// A moment as results write it: UTC, whole seconds.
func utc(_ moment: Date) -> String {
    ISO8601DateFormatter().string(from: moment)
}

private let delegates = Delegate.allCases.map { $0.rawValue }.joined(separator: "|")

private func isRunId(_ text: String) -> Bool {
    let allowed = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-"
    return (1...80).contains(text.count) && text.allSatisfy { allowed.contains($0) }
}

/// Options and their values as they stand on the command line.
private struct Words {
    private static let options = [
        "--bundle", "--trace", "--network", "--tier", "--recipe", "--out", "--compute-units",
        "--warmups", "--runs", "--seconds", "--limit-seconds", "--fps", "--sustained-seconds",
        "--run-id",
    ]
    private static let switches = ["--packed", "--memory"]

    var values: [String: String] = [:]
    var flags: Set<String> = []

    init(_ words: [String]) throws {
        var place = 0
        while place < words.count {
            let word = words[place]
            if values[word] != nil || flags.contains(word) {
                throw Fault("\(word) is given twice")
            }
            if Words.switches.contains(word) {
                flags.insert(word)
                place += 1
                continue
            }
            guard Words.options.contains(word) else {
                throw Fault("no option \(word); usage: \(Arguments.usage)")
            }
            guard place + 1 < words.count, !words[place + 1].hasPrefix("--") else {
                throw Fault("\(word) needs a value; usage: \(Arguments.usage)")
            }
            values[word] = words[place + 1]
            place += 2
        }
    }

    func text(_ option: String) throws -> String {
        guard let text = values[option], !text.isEmpty else {
            throw Fault("\(option) is missing; usage: \(Arguments.usage)")
        }
        return text
    }

    func url(_ option: String, _ usual: URL?) throws -> URL {
        if values[option] == nil, let usual { return usual }
        return URL(fileURLWithPath: try text(option))
    }

    func count(_ option: String, _ usual: Int) throws -> Int {
        guard let text = values[option] else { return usual }
        guard let count = Int(text), count >= 1 else {
            throw Fault("\(option) is \(text); it is a whole number, at least 1")
        }
        return count
    }

    func number(_ option: String, _ usual: Double) throws -> Double {
        guard let text = values[option] else { return usual }
        guard let number = Double(text), number >= 0, number <= secondsLimit else {
            throw Fault("\(option) is \(text); it lies in 0..\(Int(secondsLimit))")
        }
        return number
    }

    func rate(_ option: String) throws -> Double? {
        guard let text = values[option] else { return nil }
        guard let rate = Double(text), rate > 0, rate <= 1000 else {
            throw Fault("\(option) is \(text); it is above 0 and at most 1000")
        }
        return rate
    }
}

private let secondsLimit = 86_400.0  // a day: beyond it a run is a mistake
