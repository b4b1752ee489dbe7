"""A mem0 memory with a local vector store: a text is stored, and similar ones are searched. Vectors are made of the text."""

import os
import random

os.environ.update(MEM0_TELEMETRY="False", MEM0_DIR=os.environ["TEAM_FOLDER"])

from mem0 import Memory
from team_parts import FOLDER, question

VECTOR_LENGTH = 64


class TextVectors:
    """Takes the place of a model that makes vectors."""

    def embed(self, text, *_):
        return [random.Random(f"{place} {text}").uniform(-1, 1) for place in range(VECTOR_LENGTH)]


def setup():
    global MEMORY
    store = {"collection_name": "team", "path": str(FOLDER / "qdrant"), "embedding_model_dims": VECTOR_LENGTH}
    MEMORY = Memory.from_config({"vector_store": {"provider": "qdrant", "config": store}})
    MEMORY.embedding_model = TextVectors()


def run():
    text = question()
    MEMORY.add(text, user_id="team", infer=False)
    MEMORY.search(text, filters={"user_id": "team"})
