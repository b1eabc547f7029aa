// Sends files with the tus protocol: a connection that breaks costs one piece, and a file that was begun before, even
// before the page was reloaded, goes on where it stopped. Needs `tus` (vendor/tus.min.js).

const PIECE_BYTES = 16 * 1024 * 1024;
const RETRY_AFTER_MS = [0, 1000, 3000, 5000, 10000, 20000, 30000];

function headers() {
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  return { "X-CSRFToken": token };
}

function sendOne(endpoint, file, { onBytes, onWait, signal, metadata }) {
  return new Promise((resolve, reject) => {
    const upload = new tus.Upload(file, {
      endpoint,
      chunkSize: PIECE_BYTES,
      retryDelays: RETRY_AFTER_MS,
      removeFingerprintOnSuccess: true,
      metadata: { filename: file.name, ...metadata },
      headers: headers(),
      onProgress: onBytes,
      onShouldRetry: (error) => {
        const status = error.originalResponse?.getStatus() ?? 0;
        const passing = status === 0 || status === 423 || status >= 500;
        if (passing) onWait();
        return passing;
      },
      onError: (error) => {
        const body = error.originalResponse?.getBody();
        let text = "The connection broke. Press “Upload and check” again to go on where it stopped.";
        try {
          text = JSON.parse(body).message ?? text;
        } catch {
          // no answer, or not one of ours
        }
        reject(new Error(text));
      },
      onSuccess: () => resolve(upload.url.split("/").at(-1)),
    });
    signal.addEventListener("abort", () => {
      upload.abort();
      reject(new DOMException("Stopped", "AbortError"));
    });
    upload.findPreviousUploads().then((before) => {
      if (before.length) upload.resumeFromPreviousUpload(before[0]);
      upload.start();
    });
  });
}

// The ids of the complete uploads, in the order of `files`. `onProgress(sent, total)` counts the bytes of all of them.
// `metadata` goes with each, e.g. what the file is for.
export async function sendInPieces(endpoint, files, { onProgress, onWait, signal, metadata = {} }) {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const ids = [];
  let before = 0;
  for (const file of files) {
    const onBytes = (sent) => onProgress(before + sent, total);
    ids.push(await sendOne(endpoint, file, { onBytes, onWait, signal, metadata }));
    before += file.size;
  }
  return ids;
}
