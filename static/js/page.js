// What every page needs: search by "/", the colours, copy buttons, only the credential fields that are meant, and a word
// when the page no longer gets answers.

const isTyping = (element) => element.matches("input, textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
  const find = document.getElementById("find");
  if (event.key === "/" && find && !isTyping(event.target)) {
    event.preventDefault();
    find.focus();
  }
});

// A menu closes when something else is clicked, or by Escape.
for (const menu of document.querySelectorAll("details.menu")) {
  document.addEventListener("click", (event) => menu.contains(event.target) || (menu.open = false));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

// A filter that asks for nothing does not stand in the address.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.verb === "get") for (const [name, value] of [...detail.formData]) if (!value) detail.formData.delete(name);
});

const theme = document.getElementById("theme");
if (theme) {
  const chosen = document.documentElement.dataset.theme ?? "";
  theme.querySelector(`input[value="${chosen}"]`).checked = true;
  theme.addEventListener("change", ({ target }) => {
    document.cookie = `theme=${target.value}; path=/; max-age=31536000; samesite=lax`;
    if (target.value) document.documentElement.dataset.theme = target.value;
    else delete document.documentElement.dataset.theme;
    document.dispatchEvent(new Event("themechange"));
  });
}

for (const block of document.querySelectorAll("pre.copy")) {
  const frame = document.createElement("div");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: "Copy" });
  frame.className = "copyable";
  block.replaceWith(frame);
  frame.append(block, button);
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(block);
    if (navigator.clipboard) await navigator.clipboard.writeText(block.textContent);
    else document.execCommand("copy"); // over plain HTTP a browser has no clipboard
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}

// A double click sends such a form once.
for (const form of document.querySelectorAll("form[data-once]")) {
  let sent = -Infinity;
  form.addEventListener("submit", (event) => {
    if (event.timeStamp - sent < 2000) event.preventDefault();
    else sent = event.timeStamp;
  });
}

const credential = document.getElementById("credential");
if (credential) {
  const show = () => {
    const kind = credential.querySelector("input:checked")?.value;
    for (const field of document.querySelectorAll("[data-for]")) field.hidden = field.dataset.for !== kind;
  };
  credential.addEventListener("change", show);
  show();
}

// A page that refreshes itself says so when there is no answer, and that what it shows is getting old.
const silence = document.getElementById("silence");
const answered = () => (silence.hidden = true);
const unanswered = () => {
  if (silence.hidden) silence.dataset.since = new Date().toLocaleTimeString();
  silence.querySelector("span").textContent = `No answer from Tomo Monitor since ${silence.dataset.since}: what you see is getting old.`;
  silence.hidden = false;
};
for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout", "refreshfailed"]) document.addEventListener(name, unanswered);
for (const name of ["htmx:afterSwap", "refreshed"]) document.addEventListener(name, answered);
