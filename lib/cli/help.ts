import { type Command, type Option, optionsOf } from './command.js';
import { table } from './output.js';

const WIDTH = 100;

export const EXIT_CODES = [
  ['0', 'done'],
  ['1', 'failed: the message is on standard error (with --json a JSON object)'],
  ['2', 'wrong usage'],
] as const;

export function overview(commands: readonly Command[]): string {
  return [
    'usage: sagedb <command> [options]',
    '',
    'commands:',
    ...table(commands.map(({ name, summary }) => [name, summary])),
    '',
    'Every command takes --json and --help. `sagedb help <command>` shows its manual page.',
    `Exit codes: ${EXIT_CODES.map(([code, meaning]) => `${code} ${meaning.split(':')[0]}`).join(', ')}.`,
  ].join('\n');
}

/** The manual page of a command. */
export function manual(command: Command): string {
  const { name, summary, description = [], examples = [] } = command;
  const rows = Object.entries(optionsOf(command)).map(([long, option]) => [flags(long, option), option.help] as const);
  const sections: [string, string[]][] = [
    ['NAME', [`  sagedb ${name} - ${summary}`]],
    ['USAGE', [`  ${synopsis(command)}`]],
    ['DESCRIPTION', description.flatMap((paragraph, i) => [...(i > 0 ? [''] : []), ...wrap(paragraph)])],
    ['OPTIONS', table(rows)],
    ['EXAMPLES', examples.flatMap(([line, does]) => [`  ${line}`, `      ${does}`])],
    ['EXIT CODES', table(EXIT_CODES)],
  ];
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => [title, ...lines].join('\n'))
    .join('\n\n');
}

function synopsis({ name, positionals = [], choices }: Command): string {
  const places = positionals.map((place, i) => {
    if (i === 0 && choices !== undefined) return choices.join('|');
    return place.startsWith('[') ? place : `<${place.replace('...', '>...')}`.replace(/(?<!\.)$/, '>');
  });
  return ['sagedb', name, ...places, '[options]'].join(' ');
}

function flags(name: string, { short, value }: Option): string {
  const long = value === undefined ? `--${name}` : `--${name} <${value}>`;
  return short === undefined ? long : `-${short}, ${long}`;
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = ' ';
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > WIDTH) {
      lines.push(line);
      line = ' ';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
