plugins {
    alias(libs.plugins.android.application)
}

android {
    namespace = "org.pocketmatte.harness"
    compileSdk = libs.versions.compile.sdk.get().toInt()
    defaultConfig {
        applicationId = "org.pocketmatte.harness"
        minSdk = libs.versions.min.sdk.get().toInt()
        targetSdk = libs.versions.target.sdk.get().toInt()
        versionCode = 1
        versionName = "0.1.0"
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
        // Results name the runtime's version, which the runtimes' Java classes do not all tell.
        buildConfigField("String", "EXECUTORCH", "\"${libs.versions.executorch.get()}\"")
        buildConfigField("String", "ONNXRUNTIME", "\"${libs.versions.onnxruntime.get()}\"")
        ndk {
            abiFilters += listOf("arm64-v8a", "x86_64")
        }
    }
    buildFeatures {
        buildConfig = true
    }
    buildTypes {
        release {
            // Latencies of a debug build are invalid: this one is only for one's own phone.
            signingConfig = signingConfigs.getByName("debug")
        }
    }
    testBuildType = providers.gradleProperty("pocketmatte.build").getOrElse("debug")
    compileOptions {
        sourceCompatibility = JavaVersion.toVersion(libs.versions.jdk.get())
        targetCompatibility = JavaVersion.toVersion(libs.versions.jdk.get())
    }
    packaging {
        // Both runtimes bring the C++ library of the NDK.
        jniLibs.pickFirsts += "**/libc++_shared.so"
    }
}

dependencies {
    implementation(project(":core"))
    implementation(project(":engine-executorch"))
    implementation(project(":engine-ort"))
    implementation(project(":probes"))
    implementation(libs.onnxruntime.android)
    implementation(libs.activity)
    implementation(libs.camera.camera2)
    implementation(libs.camera.lifecycle)
    androidTestImplementation(libs.junit)
    androidTestImplementation(libs.test.junit)
    androidTestImplementation(libs.test.runner)
}
