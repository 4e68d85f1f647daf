import Foundation

/// What is wrong with a request, a file or a program: the value, the limit and the way out.
public struct Fault: Error, Equatable {
    public let message: String

    public init(_ message: String) {
        self.message = message
    }
}

/// What an error says, on one line.
public func oneLine(_ error: any Error) -> String {
    let text = (error as? Fault)?.message ?? error.localizedDescription
    return text.split(whereSeparator: { $0.isNewline }).joined(separator: " ")
}
