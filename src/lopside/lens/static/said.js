// One sentence for those who listen rather than look; at most one in two seconds.
let next = 0, waiting;

export const say = (text) => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    document.getElementById("said").textContent = text;
    next = Date.now() + 2000;
  }, Math.max(0, next - Date.now()));
};
