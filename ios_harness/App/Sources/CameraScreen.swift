import SwiftUI

struct CameraScreen: View {
    @StateObject private var camera = Camera()

    var body: some View {
        ZStack {
            Color.black
            if let picture = camera.picture {
                Image(decorative: picture, scale: 1).resizable().scaledToFit()
            } else {
                Text(camera.trouble ?? "Starting").foregroundStyle(.white)
            }
        }
        .task { await camera.start() }
        .onDisappear { camera.stop() }
    }
}
