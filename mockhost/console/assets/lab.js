// A student's lab: each line, and what came of it, goes to the screen; buttons are lines, too.

import "./console.js";

const screen = document.getElementById("screen");
const command = document.getElementById("command");
const prompt = document.getElementById("ps");
const MOST = 60_000;

document.addEventListener("submit", ({ target }) => {
  const answer = target.querySelector("[data-answer]");
  if (answer) target.elements.line.value = `answer ${target.dataset.answers} ${answer.value}`;
}, true);

document.addEventListener("answered", ({ target, detail }) => {
  const typed = target.elements.line.value;
  const lines = detail.edit ? [`${detail.edit.path}:`, detail.edit.text] : [detail.text, ...detail.ticks];
  screen.hidden = false;
  screen.textContent = `${screen.textContent}${prompt.textContent}${typed}\n${lines.join("\n").trim()}\n\n`.slice(-MOST);
  screen.scrollTop = screen.scrollHeight;
  prompt.textContent = detail.prompt;
  if (target.id === "prompt") {
    command.value = "";
    command.focus();
  }
});
