// The prompt: each command goes on in the session of the one before.

import "./console.js";

const screen = document.getElementById("screen");
const command = document.getElementById("command");

document.getElementById("prompt").addEventListener("answered", ({ detail }) => {
  screen.hidden = false;
  screen.textContent += `PS> ${command.value}\n${detail.output.replace(/\n+$/, "")}\n\n`;
  screen.scrollTop = screen.scrollHeight;
  document.getElementById("session").value = JSON.stringify(detail.session);
  command.value = "";
  command.focus();
});
