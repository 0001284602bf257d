/** What an author wrote. */
export const draft = `

# Plugins that can't hurt

"Can't" is a strong word... Here is what it means:

- a plugin reads and writes **its own memory** only
- it calls what the application offers -- see [[Plugins]] -- and nothing [[Else]]
- a trap, say a division by zero, ends \`one call\`

## And when it's wrong?

The next call gets a new instance. Don't take our word for it!

`;
