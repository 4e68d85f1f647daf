import SwiftUI

@main
struct HarnessApp: App {
    var body: some Scene {
        WindowGroup {
            TabView {
                BenchmarkScreen()
                    .tabItem { Label("Benchmark", systemImage: "stopwatch") }
                CameraScreen()
                    .tabItem { Label("Camera", systemImage: "camera") }
            }
        }
    }
}
