// What was asked for, line by line, and what came of it: the prompt of the server, and the lines of the portal.

import "./console.js";

const screen = document.getElementById("screen");
const command = document.getElementById("command");
const session = document.getElementById("session");

document.addEventListener("answered", ({ target, detail }) => {
  if (target.dataset.screen === undefined) return;
  const typed = target.id === "prompt" ? command.value : "";
  screen.hidden = false;
  screen.textContent += `${target.dataset.screen}${typed}\n${(detail.output ?? detail.text).replace(/\n+$/, "")}\n\n`;
  screen.scrollTop = screen.scrollHeight;
  screen.scrollIntoView({ block: "nearest" });
  if (session) session.value = JSON.stringify(detail.session);
  for (const field of target.querySelectorAll("input:not([type=hidden])")) field.value = "";
  if (typed) command.focus();
});
