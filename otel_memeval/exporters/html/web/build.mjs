/**
 * Bundle the scripts of the page into ../page.js: `npm ci && npm run build`.
 *
 * The file begins with the licences of what is in it, and with a digest of its sources, by which a test finds a file that is
 * older than they are.
 */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const folder = dirname(fileURLToPath(import.meta.url));

function sources() {
  const scripts = readdirSync(join(folder, "src")).sort().map((name) => `src/${name}`);
  const digest = createHash("sha256");
  for (const name of ["build.mjs", "package-lock.json", "package.json", ...scripts]) {
    digest.update(`${name}\0`).update(readFileSync(join(folder, name))).update("\0");
  }
  return digest.digest("hex");
}

/** Return the packages in the bundle, by the files that esbuild read, with the lines of their licences that name the owners. */
function owners(inputs) {
  const names = new Set(Object.keys(inputs).map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]).filter(Boolean));
  return [...names].sort().map((name) => {
    const { version, license } = JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8"));
    const text = readFileSync(join(folder, "node_modules", name, "LICENSE"), "utf8");
    const [owner = ""] = /^\s*Copyright \d.*$/m.exec(text) ?? [];
    return { name, line: `${name} ${version}, ${license}${owner && `. ${owner.trim()}`}`, license, text };
  });
}

const bundled = await build({
  absWorkingDir: folder,
  entryPoints: ["src/main.js"],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2020",
  charset: "utf8",
  legalComments: "none",
  loader: { ".css": "empty" },
  metafile: true,
  write: false,
});

const packages = owners(bundled.metafile.inputs);

/** Return the text of a licence without its owner; the owners stand beside their packages. */
function terms(name) {
  return packages.find(({ license }) => license === name).text.replace(/^\s*Copyright \d.*$/m, "").trim().split("\n");
}

const others = [...new Set(packages.map(({ license }) => license))].filter((name) => name !== "Apache-2.0").sort();
const unknown = others.filter((name) => !["ISC", "BSD-3-Clause", "MIT"].includes(name));
if (unknown.length) throw new Error(`licences that nobody has read yet: ${unknown.join(", ")}`);

const header = [
  `Built by web/build.mjs. Sources: sha256 ${sources()}`,
  "",
  ...packages.map(({ line }) => line),
  "",
  "Apache-2.0: https://www.apache.org/licenses/LICENSE-2.0, also in the file LICENSE of otel-memeval.",
  ...others.flatMap((name) => ["", `${name}:`, ...terms(name)]),
].map((line) => ` * ${line}`.trimEnd());

writeFileSync(join(folder, "..", "page.js"), `/*!\n${header.join("\n")}\n */\n${bundled.outputFiles[0].text}`);
