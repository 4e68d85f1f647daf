plugins {
    alias(libs.plugins.android.library)
}

android {
    namespace = "org.pocketmatte.harness.executorch"
    compileSdk = libs.versions.compile.sdk.get().toInt()
    defaultConfig {
        minSdk = libs.versions.min.sdk.get().toInt()
    }
    compileOptions {
        sourceCompatibility = JavaVersion.toVersion(libs.versions.jdk.get())
        targetCompatibility = JavaVersion.toVersion(libs.versions.jdk.get())
    }
}

dependencies {
    api(project(":core"))
    implementation(libs.executorch.android)
}
