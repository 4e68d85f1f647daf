import Foundation

private let again = "record the trace again"

/// A folder's `trace.json`, read and checked, and its hash.
public struct TraceFile: Sendable {
    public let folder: URL
    public let trace: Trace
    public let sha256: String

    public static func read(_ folder: URL) throws -> TraceFile {
        let url = folder.appendingPathComponent("trace.json")
        let data = try content(of: url, again: again)
        let trace = try decoded(Trace.self, from: data, named: url.path, again: again)
        if let wrong = looseEnd(trace) {
            throw Fault("\(url.path) does not hold together: \(wrong); \(again)")
        }
        return TraceFile(
            folder: folder, trace: trace, sha256: Sha256.of(data).hexadecimal())
    }
}

/// The tensors of a trace.
public struct TraceReader {
    public let trace: Trace
    /// What to lay on the board before each step; in memory, so that no sample contains reading.
    public let given: [[String: Tensor]]
    private let numbers: Data
    private let shapes: [String: [String: [Int]]]

    /// Check `tensors.bin` as a whole, and that every tensor lies in it, before anything is used.
    public init(_ file: TraceFile) throws {
        let url = file.folder.appendingPathComponent(file.trace.data.path)
        let facts = try fileFacts(url)
        guard facts.sizeBytes == file.trace.data.sizeBytes else {
            let said = file.trace.data.sizeBytes
            throw Fault("\(url.path) is \(facts.sizeBytes) bytes, not \(said) bytes; \(again)")
        }
        guard facts.sha256 == file.trace.data.sha256 else {
            throw Fault("\(url.path): its sha256 is not that of trace.json; \(again)")
        }
        let numbers = try Data(contentsOf: url, options: .mappedIfSafe)
        let shapes = shapesByProgram(file.trace)
        var given: [[String: Tensor]] = []
        for step in file.trace.steps {
            var tensors: [String: Tensor] = [:]
            for stored in step.given {
                tensors[stored.name] = try tensor(stored, of: step, in: numbers, shapes)
            }
            for stored in step.expected {
                _ = try place(stored, of: step, in: numbers, shapes)
            }
            given.append(tensors)
        }
        self.trace = file.trace
        self.given = given
        self.numbers = numbers
        self.shapes = shapes
    }

    /// What a step should give, in the order of its program's outputs.
    public func expected(_ number: Int) throws -> [Tensor] {
        let step = trace.steps[number]
        return try step.expected.map { try tensor($0, of: step, in: numbers, shapes) }
    }
}

private typealias Shapes = [String: [String: [Int]]]

private func shapesByProgram(_ trace: Trace) -> Shapes {
    var shapes: Shapes = [:]
    for program in trace.programs {
        var own: [String: [Int]] = [:]
        for input in program.inputs {
            own[input.name] = input.shape
        }
        for output in program.outputs {
            own[output.name] = output.shape
        }
        shapes[program.name] = own
    }
    return shapes
}

/// Where a stored tensor lies: its shape and how many values it has, all of them in the file.
private func place(
    _ stored: Trace.Stored, of step: Trace.Step, in numbers: Data, _ shapes: Shapes
) throws -> (shape: [Int], count: Int) {
    let what = "\(stored.name) of \(step.program)"
    guard let shape = shapes[step.program]?[stored.name], let count = elementCount(shape) else {
        throw Fault("\(what) has no shape that can be read; \(again)")
    }
    let itemBytes = stored.dtype == .float32 ? 4 : 1
    let (sizeBytes, overflow) = count.multipliedReportingOverflow(by: itemBytes)
    guard !overflow, stored.offset >= 0, stored.offset <= numbers.count - sizeBytes else {
        throw Fault("\(what) lies beyond the end of tensors.bin; \(again)")
    }
    return (shape, count)
}

private func tensor(
    _ stored: Trace.Stored, of step: Trace.Step, in numbers: Data, _ shapes: Shapes
) throws -> Tensor {
    let (shape, count) = try place(stored, of: step, in: numbers, shapes)
    let offset = stored.offset
    var values = [Float](repeating: 0, count: count)
    numbers.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) in
        for index in 0..<count {
            switch stored.dtype {
            case .uint8:
                values[index] = Float(bytes[offset + index]) / 255
            case .float32:
                let pattern = bytes.loadUnaligned(
                    fromByteOffset: offset + 4 * index, as: UInt32.self)
                values[index] = Float(bitPattern: UInt32(littleEndian: pattern))
            }
        }
    }
    return Tensor(shape: shape, values: values)
}

/// The first thing that a trace names and does not have.
private func looseEnd(_ trace: Trace) -> String? {
    guard trace.data.path == "tensors.bin" else { return "its numbers lie in \(trace.data.path)" }
    guard Set(trace.programs.map { $0.name }).count == trace.programs.count else {
        return "two programs have one name"
    }
    for program in trace.programs {
        if let wrong = looseEnd(program) { return wrong }
    }
    for (number, step) in trace.steps.enumerated() {
        guard let program = trace.programs.first(where: { $0.name == step.program }) else {
            return "step \(number) runs \(step.program)"
        }
        let inputs = program.inputs.map { $0.name }
        if let unknown = step.given.first(where: { !inputs.contains($0.name) }) {
            return "step \(number) gives \(unknown.name)"
        }
        if step.expected.map({ $0.name }) != program.outputs.map({ $0.name }) {
            return "step \(number) does not expect the outputs of \(step.program)"
        }
    }
    let frames = trace.steps.map { $0.frame }
    let whole = trace.frames > 0 && Set(frames).count == trace.frames
    if !whole || frames != frames.sorted() || frames.first != 0
        || frames.last != trace.frames - 1
    {
        return "its \(frames.count) steps are not of \(trace.frames) frames in order"
    }
    return nil
}

private func looseEnd(_ program: Trace.Program) -> String? {
    for state in program.states {
        let known =
            program.inputs.contains { $0.name == state.input }
            && program.outputs.contains { $0.name == state.output }
        if !known { return "\(program.name) keeps \(state.input), which it does not have" }
    }
    for output in program.outputs {
        guard let matteName = output.shownBy else { continue }
        guard let matte = program.outputs.first(where: { $0.name == matteName }) else {
            return "\(output.name) is shown by \(matteName), which \(program.name) does not give"
        }
        // One matte for all channels, or one value for each of its values.
        let shared = output.shape.count == 4
            && matte.shape == [output.shape[0], 1, output.shape[2], output.shape[3]]
        if !shared && matte.shape != output.shape {
            return "\(output.name) and its matte \(matteName) have shapes that do not fit"
        }
    }
    return nil
}
