import type { Command } from '../command.js';
import { completionScript, SHELLS, type Shell } from '../completion.js';
import { printJson } from '../output.js';

export const completion: Command = {
  name: 'completion',
  summary: 'print a completion script for bash, zsh or fish',
  positionals: ['shell'],
  choices: SHELLS,
  examples: [
    ['source <(sagedb completion bash)', 'in ~/.bashrc'],
    ['source <(sagedb completion zsh)', 'in ~/.zshrc, after compinit'],
    ['sagedb completion fish > ~/.config/fish/completions/sagedb.fish', 'once'],
  ],
  async run({ positionals, json, commands }) {
    const shell = positionals[0] as Shell;
    const script = completionScript(shell, commands);
    if (json) printJson({ shell, script });
    else process.stdout.write(script);
    return 0;
  },
};
