// What the page says to the studio, and what it hears.

/** Ask for something; gives the number of the job that was started, or null. */
export async function ask(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: body === undefined ? "" : JSON.stringify(body),
  });
  return (await told(answer)).job;
}

/** Send a file as it is; `onShare` hears how much of it went, 0 to 1. */
export function send(path, file, onShare) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${path}?name=${encodeURIComponent(file.name)}`);
    request.responseType = "text";
    request.upload.onprogress = (event) => onShare(event.loaded / Math.max(1, event.total));
    request.onerror = () => reject(new Error("the studio does not answer; is it still running?"));
    request.onload = () => {
      const said = parsed(request.responseText);
      if (request.status < 400) resolve(said.job);
      else reject(new Error(said.error ?? request.responseText.trim()));
    };
    request.send(file);
  });
}

/** Fetch a picture; gives its address in memory, null where there is none, and what is said of it. */
export async function picture(path) {
  const answer = await fetch(path);
  if (!answer.ok) await told(answer);
  if (answer.status === 204) return { address: null, nothing: answer.headers.get("X-Nothing") };
  const difference = answer.headers.get("X-Difference");
  return { address: URL.createObjectURL(await answer.blob()), difference };
}

/** Hear of every new state; `onLost` hears when the studio is gone. */
export function listen(onState, onLost) {
  const stream = new EventSource("events");
  stream.onmessage = (event) => onState(JSON.parse(event.data));
  stream.onerror = () => onLost();
}

/** Take files that are dropped on the page. */
export function listenToDrops(onFile) {
  for (const name of ["dragover", "dragenter"]) {
    addEventListener(name, (event) => {
      event.preventDefault();
      document.body.classList.add("dragging");
    });
  }
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dragging");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    onFile(event.dataTransfer.files[0]);
  });
}

async function told(answer) {
  const text = await answer.text();
  const said = parsed(text);
  if (!answer.ok) throw new Error(said.error ?? text.trim());
  return said;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
