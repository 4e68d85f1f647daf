/// Plays a trace's frames with an engine and keeps the time.
public final class Player {
    /// Of each program the first call ever.
    public private(set) var firstNs: [String: UInt64] = [:]
    /// Of the latest frame, in the order of its calls.
    public private(set) var callsNs: [(program: String, ns: UInt64)] = []

    private let reader: TraceReader
    private let engine: any Engine
    private let clock: any MonotonicClock
    private let contracts: [String: Contract]
    private let stepsOfFrame: [Int: [Int]]
    private var board: Board

    public init(_ reader: TraceReader, _ engine: any Engine, _ clock: any MonotonicClock) {
        self.reader = reader
        self.engine = engine
        self.clock = clock
        let all = reader.trace.programs.map { $0.contract }
        contracts = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
        stepsOfFrame = Dictionary(
            grouping: reader.trace.steps.indices, by: { reader.trace.steps[$0].frame })
        board = Board(all)
    }

    public func reset() {
        board.reset()
    }

    /// Play one frame.
    ///
    /// - Parameters:
    ///   - forced: Whether what the trace expects is laid down in place of what the engine gave.
    ///   - called: Is told the number of each step and what the engine gave.
    /// - Returns: Nanoseconds, from the first tensor laid down to the last.
    @discardableResult
    public func play(
        _ frame: Int, forced: Bool = false, called: (Int, [Tensor]) throws -> Void = { _, _ in }
    ) throws -> UInt64 {
        callsNs.removeAll(keepingCapacity: true)
        let start = clock.nanoseconds()
        for number in stepsOfFrame[frame] ?? [] {
            let program = reader.trace.steps[number].program
            guard let contract = contracts[program] else { throw Fault("no program \(program)") }
            for (name, tensor) in reader.given[number] {
                board.lay(tensor, as: name)
            }
            let inputs = try board.inputs(of: contract)
            let begun = clock.nanoseconds()
            let outputs = try engine.run(program, inputs)
            let ns = clock.nanoseconds() - begun
            callsNs.append((program: program, ns: ns))
            if firstNs[program] == nil {
                firstNs[program] = ns
            }
            try board.lay(outputs, of: contract)
            try called(number, outputs)
            if forced {
                try board.lay(reader.expected(number), of: contract)
            }
        }
        return clock.nanoseconds() - start
    }
}

/// Frames 1 to the last, over and over; frame 0 where there is no other.
struct FrameLoop {
    private let first: Int
    private let last: Int
    private var next: Int

    init(frames: Int) {
        first = min(1, frames - 1)
        last = frames - 1
        next = first
    }

    mutating func advance() -> Int {
        let frame = next
        next = frame == last ? first : frame + 1
        return frame
    }
}
