/// Runs frames with the tier that the device can keep, and says when another is to be opened.
///
/// A model lives as long as its tier runs: states and memories of frames before are of one tier's
/// shapes and weights, so they end with it. `frame` says which is the first frame of a model; an
/// app whose network was given masks gives them again then.
///
/// One queue calls all of it.
public final class Stepper<Model> {
    /// The tier that runs.
    public private(set) var step: HeldStep
    /// Why the last change did not come about; nil where it did.
    public private(set) var trouble: String?

    private let steps: [HeldStep]
    private let rules: StepRules
    private let clock: any MonotonicClock
    private var state: StepState
    private var model: Model
    private var isFresh = true

    /// - Parameters:
    ///   - at: Place of the tier to begin with, which is never exceeded.
    ///   - model: That tier, opened, its states at their reset values.
    public init(
        _ steps: [HeldStep], at: Int, limitMs: Double?, clock: any MonotonicClock, status: Int?,
        model: Model
    ) {
        self.steps = steps
        step = steps[at]
        rules = StepRules(ceiling: at, limitMs: limitMs)
        self.clock = clock
        self.model = model
        state = StepState(rules, atMs: milliseconds(clock), status: status)
    }

    /// What is to be opened in place of what runs; nil where nothing is.
    public var wanted: HeldStep? {
        let found = steps[state.at]
        return found == step ? nil : found
    }

    /// Take the platform's thermal status, 0 to 6.
    public func warmed(_ status: Int?) {
        state.warmed(rules, atMs: milliseconds(clock), status: status)
    }

    /// Do one whole frame's work with the model of the tier that runs, and time it.
    public func frame<Given>(_ work: (Model, Bool) throws -> Given) rethrows -> Given {
        let begunNs = clock.nanoseconds()
        let given = try work(model, isFresh)
        let tookMs = Double(passed(begunNs, clock.nanoseconds())) / nsPerMs
        isFresh = false
        state.played(rules, atMs: milliseconds(clock), frameMs: tookMs)
        return given
    }

    /// Run what was wanted from the next frame on: a new model, its states at their reset values.
    public func opened(_ model: Model, _ step: HeldStep) {
        guard steps.contains(step) else { return }
        self.model = model
        self.step = step
        isFresh = true
        trouble = nil
    }

    /// Go on with what runs, since what was wanted could not be opened.
    public func refused(_ why: String) {
        trouble = why
        let place = steps.firstIndex(of: step) ?? rules.ceiling
        state.resumed(rules, atMs: milliseconds(clock), place: place)
    }
}

private func milliseconds(_ clock: any MonotonicClock) -> Int {
    Int(clock.nanoseconds() / 1_000_000)
}
