import SwiftUI

struct BenchmarkScreen: View {
    @StateObject private var benchmark = BenchmarkRun()
    @State private var network = "rvm"
    @State private var tier = "t04"
    @State private var recipe = "fp16"

    var body: some View {
        Form {
            TextField("Network", text: $network)
            TextField("Tier", text: $tier)
            TextField("Recipe", text: $recipe)
            Button("Run") {
                let words = ["--network", network, "--tier", tier, "--recipe", recipe]
                Task { _ = await benchmark.run(words) }
            }
            .disabled(benchmark.running)
            Text(benchmark.running ? "Running" : benchmark.report)
        }
        .textInputAutocapitalization(.never)
        .task { await benchmark.runLaunchArguments() }
    }
}
