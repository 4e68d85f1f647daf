/// Replay a trace, freely and where its recipe limits single steps also forced, and judge it.
func parity(
    of player: Player, _ reader: TraceReader, _ limits: Trace.Limits
) throws -> RunResult.Parity {
    let trace = reader.trace
    var comparisons: [String: [Comparison]] = [:]
    for program in trace.programs {
        comparisons[program.name] = program.outputs.map {
            Comparison($0, featureRange: trace.featureRange)
        }
    }
    var hash = Sha256()
    try replay(player, reader, forced: false) { program, outputs, expected in
        for (place, output) in outputs.enumerated() {
            // All processors that Swift is built for store singles as the trace does.
            output.values.withUnsafeBytes { hash.update($0) }
            let matteName = program.outputs[place].shownBy
            let matte = program.outputs.firstIndex { $0.name == matteName }
            comparisons[program.name]?[place].free(
                given: output.values, expected: expected[place].values,
                matte: matte.map { expected[$0].values })
        }
    }
    if limits.maxAbs != nil {
        try replay(player, reader, forced: true) { program, outputs, expected in
            for (place, output) in outputs.enumerated() {
                comparisons[program.name]?[place].forced(
                    given: output.values, expected: expected[place].values)
            }
        }
    }
    let outputs = trace.programs.flatMap { program in
        judged(program, comparisons[program.name] ?? [], limits)
    }
    return RunResult.Parity(
        frames: trace.frames, outputs: outputs, sha256: hash.hexadecimal(),
        passed: outputs.allSatisfy { $0.faults.isEmpty })
}

private func replay(
    _ player: Player, _ reader: TraceReader, forced: Bool,
    _ compare: (Trace.Program, [Tensor], [Tensor]) -> Void
) throws {
    player.reset()
    for frame in 0..<reader.trace.frames {
        try player.play(frame, forced: forced) { number, outputs in
            let name = reader.trace.steps[number].program
            guard let program = reader.trace.programs.first(where: { $0.name == name }) else {
                return
            }
            compare(program, outputs, try reader.expected(number))
        }
    }
}

private func judged(
    _ program: Trace.Program, _ comparisons: [Comparison], _ limits: Trace.Limits
) -> [RunResult.OutputFigures] {
    zip(program.outputs, comparisons).map { output, comparison in
        let found = comparison.figures()
        return RunResult.OutputFigures(
            program: program.name, name: output.name, calls: found.calls, finite: found.finite,
            psnrDb: found.psnrDb, freeMaxAbs: found.freeMaxAbs, maxAbs: found.maxAbs,
            mad: found.mad, flipped: found.flipped, faults: faults(output, found, limits))
    }
}
