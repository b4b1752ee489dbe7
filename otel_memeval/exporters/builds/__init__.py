"""Results for build systems: JUnit, Markdown, SARIF, and annotations in the log of a job."""
