import { type Command, commandNamed } from '../command.js';
import { manual, overview } from '../help.js';
import { printJson } from '../output.js';

export const help: Command = {
  name: 'help',
  summary: 'show the manual page of a command',
  positionals: ['[command]'],
  async run({ positionals: [name], json, commands }) {
    const command = name === undefined ? undefined : commandNamed(name, commands);
    if (json) printJson(command ?? commands);
    else console.log(command === undefined ? overview(commands) : manual(command));
    return 0;
  },
};
