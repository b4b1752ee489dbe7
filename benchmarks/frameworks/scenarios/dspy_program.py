"""A DSPy program: one question, a chain of thought."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import dspy
from team_parts import MODEL, question


class PlainAdapter(dspy.ChatAdapter):
    """Takes the text of the model as it is, as the answer and its reasoning."""

    def parse(self, signature, completion):
        return dict.fromkeys(signature.output_fields, completion)


def setup():
    global PROGRAM
    dspy.configure(lm=dspy.LM(f"openai/{MODEL}", cache=False), adapter=PlainAdapter())
    PROGRAM = dspy.ChainOfThought("question -> answer")


def run():
    PROGRAM(question=question())
