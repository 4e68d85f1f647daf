package org.pocketmatte.harness

import android.app.Activity
import android.os.Bundle
import android.view.WindowManager
import android.widget.TextView
import java.util.concurrent.CountDownLatch
import org.pocketmatte.harness.core.ARGUMENTS
import org.pocketmatte.harness.core.Cancellation
import org.pocketmatte.harness.core.HarnessException
import org.pocketmatte.harness.core.Run
import org.pocketmatte.harness.core.request

/**
 * One run, in the foreground; its arguments are extras, all of them texts.
 *
 * Leaving the screen cancels the run: it would no longer be one of an app in the foreground.
 */
class BenchmarkActivity : Activity() {
    private val cancellation = Cancellation()
    private lateinit var shown: TextView

    /** Opens when the run has ended. */
    val ended = CountDownLatch(1)

    /** Why there is no result; `null` where there is one. */
    @Volatile
    var failure: String? = null
        private set

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        shown = TextView(this)
        shown.text = "running"
        setContentView(shown)
        val given = HashMap<String, String>()
        for (name in ARGUMENTS) intent.getStringExtra(name)?.let { given[name] = it }
        Thread({ work(given) }, "benchmark").start()
    }

    override fun onStop() {
        cancellation.request()
        super.onStop()
    }

    private fun work(given: Map<String, String>) {
        var said: String
        try {
            val request = request(given)
            val engine = engine(request.subject.format, request.delegate, request.threads)
            val run = Run(bundleFolder(this), request, host(this, engine), cancellation)
            val result = run.execute(resultsFolder(this))
            said = "${result.runId}: ${result.status} ${result.errors.joinToString("; ")}"
        } catch (error: HarnessException) {
            said = error.message ?: "the run failed"
            failure = said
        } finally {
            ended.countDown()
        }
        runOnUiThread { shown.text = said }
    }
}
