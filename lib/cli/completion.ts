import { type Command, type Option, optionsOf } from './command.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A script that completes commands, options, their choices, and else file names. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  return { bash, zsh, fish }[shell](commands);
}

const names = (commands: readonly Command[]) => commands.map(({ name }) => name).join(' ');

/** Single quotes of any shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The words that a position of a command takes; `help` takes commands. */
function choicesOf({ name, choices }: Command, commands: readonly Command[]): string {
  return name === 'help' ? names(commands) : (choices ?? []).join(' ');
}

function flagsOf([name, { short }]: [string, Option]): string[] {
  return short === undefined ? [`--${name}`] : [`-${short}`, `--${name}`];
}

function bash(commands: readonly Command[]): string {
  const cases = commands.map((command) => {
    const options = Object.entries(optionsOf(command));
    const values = options
      .filter(([, { kind }]) => kind === 'string')
      .map(([name, option]) => {
        const words = option.choices?.join(' ');
        return `        ${flagsOf([name, option]).join('|')}) ${words === undefined ? 'return' : `words="${words}"`} ;;`;
      });
    return [
      `    ${command.name})`,
      ...(values.length === 0 ? [] : ['      case "$previous" in', ...values, '      esac']),
      `      [ -n "$words" ] || case "$current" in`,
      `        -*) words="${options.flatMap(flagsOf).join(' ')}" ;;`,
      `        *) words="${choicesOf(command, commands)}" ;;`,
      '      esac ;;',
    ].join('\n');
  });
  return `# bash completion for sagedb
_sagedb() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${names(commands)} --help --version"
  else
    case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    esac
  fi
  # No words: bash completes file names (-o default).
  [ -z "$words" ] || COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _sagedb sagedb
`;
}

function zsh(commands: readonly Command[]): string {
  // Colons and brackets separate the parts of a specification.
  const plain = (text: string) => text.replaceAll(':', ' -').replace(/[[\]]/g, '').replaceAll('\\', '');
  const cases = commands.map((command) => {
    const options = Object.entries(optionsOf(command)).flatMap(([name, option]) => {
      const value = option.kind === 'boolean' ? '' : `:${option.value}:${zshValues(option.choices)}`;
      return flagsOf([name, option]).map((flag) => quoted(`${flag}[${plain(option.help)}]${value}`));
    });
    const words = choicesOf(command, commands);
    const places = command.positionals === undefined ? [] : [quoted(`*:argument:${words ? `(${words})` : '_files'}`)];
    return `    ${command.name}) _arguments ${[...options, ...places].join(' ')} ;;`;
  });
  const described = commands.map(({ name, summary }) => `    ${quoted(`${name}:${plain(summary)}`)}`);
  return `#compdef sagedb
_sagedb() {
  local -a commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
compdef _sagedb sagedb
`;
}

function zshValues(choices: readonly string[] | undefined): string {
  return choices === undefined ? '_files' : `(${choices.join(' ')})`;
}

function fish(commands: readonly Command[]): string {
  const lines = commands.flatMap((command) => {
    const inside = `__fish_seen_subcommand_from ${command.name}`;
    const words = choicesOf(command, commands);
    return [
      `complete -c sagedb -f -n __fish_use_subcommand -a ${command.name} -d ${quoted(command.summary)}`,
      ...Object.entries(optionsOf(command)).map(([name, { short, kind, choices, help }]) => {
        const parts = [`complete -c sagedb -n ${quoted(inside)} -l ${name}`];
        if (short !== undefined) parts.push(`-s ${short}`);
        if (kind === 'string') parts.push(choices === undefined ? '-r' : `-x -a ${quoted(choices.join(' '))}`);
        return `${parts.join(' ')} -d ${quoted(help)}`;
      }),
      ...(words === '' ? [] : [`complete -c sagedb -f -n ${quoted(inside)} -a ${quoted(words)}`]),
    ];
  });
  return `# fish completion for sagedb\n${lines.join('\n')}\n`;
}
