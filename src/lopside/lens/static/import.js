import { start as keys } from "./keys.js";
import { say } from "./said.js";

keys();
const job = document.getElementById("job");
const busy = (state) => ["ready", "running", "waiting"].includes(state);

const countdown = () => {
  const left = Math.ceil(Number(job.dataset.until) - Date.now() / 1000);
  const minutes = Math.floor(left / 60);
  document.getElementById("countdown").textContent =
    left > 0 && left < 86400 ? `(${minutes}:${String(left % 60).padStart(2, "0")})` : "";
};

const look = async () => {
  const answer = await fetch(`/import/${job.dataset.job}.json`);
  if (!answer.ok) return;
  const now = await answer.json();
  // Buttons and lists are the server's: a new state means a new page, but never under somebody's hands.
  if (now.state !== job.dataset.state || now.sources.length !== document.querySelectorAll("progress").length) {
    say(now.told);
    location.reload();
    return;
  }
  document.getElementById("told").textContent = now.told;
  for (const one of now.sources) {
    const bar = document.querySelector(`progress[data-source="${one.source}"]`);
    bar.max = one.steps;
    bar.value = one.done;
    document.querySelector(`[data-count="${one.source}"]`).textContent = `${one.done} of ${one.steps}`;
  }
  const next = document.getElementById("next");
  if (next) next.textContent = now.next;
};

if (busy(job.dataset.state)) {
  setInterval(() => look().catch(() => {}), 1500);
  if (job.dataset.until) setInterval(countdown, 1000);
}
