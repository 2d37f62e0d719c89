interface Interpolation {
  readonly text: string;
  /** The variables that were put in, with their values. */
  readonly used: readonly (readonly [name: string, value: string])[];
  readonly problems: readonly string[];
}

/**
 * Replaces each `${NAME}` by the variable's value; `$${` stands for a plain `${`. `${1}` stays: no variable has such
 * a name, and probers use it for the groups of a regular expression.
 */
export function interpolate(
  source: string,
  env: Readonly<Record<string, string | undefined>>,
): Interpolation {
  const used: (readonly [string, string])[] = [];
  const problems: string[] = [];
  const text = source.replace(/\$\$\{|\$\{([^}]*)(\}?)/g, (whole, name: string | undefined, end: string) => {
    if (name === undefined) return '${';
    if (end !== '' && /^\d+$/.test(name)) return whole;
    if (end === '' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      problems.push(
        `"${whole}" is not a variable; write \${NAME} for one, or $\${ where a plain \${ is meant`,
      );
      return whole;
    }
    const value = env[name];
    if (value === undefined) {
      problems.push(`the environment variable ${name} is not set; set it before starting`);
      return whole;
    }
    used.push([name, value]);
    return value;
  });
  return { text, used, problems };
}
