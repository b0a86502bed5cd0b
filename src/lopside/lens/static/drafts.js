// What is written and not yet kept stays in this browser; it goes once the server has kept it.
const name = (area) => `lens-draft ${area.dataset.draft}`;
const kept = () => /^#(note|short)/.test(location.hash);

export const start = () => {
  const sent = sessionStorage.getItem("lens-sent");
  sessionStorage.removeItem("lens-sent");
  if (sent && kept()) localStorage.removeItem(sent);
  for (const area of document.querySelectorAll("textarea[data-draft]")) {
    const draft = localStorage.getItem(name(area));
    if (draft !== null && draft !== area.value) {
      area.value = draft;
      area.closest("details")?.setAttribute("open", "");
    }
    area.addEventListener("input", () => {
      if (area.value === area.defaultValue) localStorage.removeItem(name(area));
      else localStorage.setItem(name(area), area.value);
    });
    area.form.addEventListener("submit", () => sessionStorage.setItem("lens-sent", name(area)));
  }
};
