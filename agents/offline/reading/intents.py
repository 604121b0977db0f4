"""What kind of answer a question asks for.

Owns the phrases that say so, in order: the first that fits decides. It looks at masked text, see `cues`.
"""

import re
from typing import Final

from agents.agents import Intent

_PHRASES: Final[tuple[tuple[Intent, tuple[str, ...]], ...]] = (
    (
        "search_runs",
        (
            r"\b(?:search|look(?:ing)?|grep)\b(?! at| like| good| bad| best)(?: (?:the|my|all|through|in|up|notes|"
            r"runs|commands|for|note|run))*\b",
            r"\b(?:mention|mentions|mentioned|mentioning|contain|contains|containing)\b",
            r"\b(?:note|notes|comment|remark)s? (?:that )?(?:says?|saying|said|about|with|like|reads?|has|have|of)\b",
            r"\bnoted? (?:as|that)\b",
            r"\b(?:write|wrote|written|noted?|said|say|says) (?:something |anything )?(?:down )?about\b",
            r"\b(?:talk|speak|refer|hint|discuss|allude)(?:s|ed|ing)? (?:about|of|to|at)\b",
            r"\b(?:comment|remark)(?:ed)? (?:on|about)\b",
            r"\b(?:i|we|anyone|someone) (?:wrote|noted|remarked|commented)\b|"
            r"\b(?:the|with|exact) (?:words?|phrase|term|keyword|string|text)\b",
            r"\b(?:in|within|through|across) (?:(?:its|their|the|my|our|all|any|a) )*(?:notes?|commands?|comments?)\b",
            r"\bnotes? (?:mention|contain)",
            r"\brelated to\b",
            r"\b(?:runs?|experiments?|anything|something|ones?) (?:that (?:is|are|was|were) )?(?:about|regarding|"
            r"concerning)\b",
        ),
    ),
    (
        "similar_runs",
        (
            r"\b(?:similar|resembl\w+|alike|closest|nearest|comparable|neighbou?rs?|lookalikes?)\b",
            r"\b(?:runs?|anything|something|ones?|others?) (?:most |much |just )?(?:like|close to|near)\b(?: ID|"
            r" the| it| this| that)",
            r"\b(?:setup|settings|config\w*|params|parameters|hyperparameters) (?:like|close to|near) (?:run )?ID",
            r"\bmost like\b",
            r"\bclose to ID",
            r"\blike (?:run |the )?(?:run )?ID",
            r"\bsame (?:params|parameters|settings|config\w*|setup) as\b",
        ),
    ),
    (
        "count_runs",
        (
            r"\b(?:how many|how often|how much runs|(?:number|amount|quantity|tally|nr|no) of|count|counts|counting|"
            r"total number|how many times|(?:what )?(?:portion|share|fraction|percentage|proportion|percent) of)\b",
            r"^(?:[A-Z]+ )*(?:runs|experiments) (?:per|by|for each) (?!(?:\w+ )?METRIC)",
            r"\b(?:has|have|had|got|with) (?:the )?(?:most|fewest|least) (?:runs|experiments|trainings)\b",
        ),
    ),
    (
        "suggest_params",
        (
            r"\bhow (?:to|can|do|could|should|would|might)(?: i| we| you| one)? (?:improve|tune|increase|get|beat|"
            r"lower|reduce|raise|boost|decrease)\b",
            r"\b(?:should|would|could|can|might) (?:i|we|you) (?:change|adjust|vary|tweak|alter|modify)\b",
            r"\b(?:good|best|my|the|a|our) next (?:run|experiment|trial|thing|step|config)\b",
            r"\bnext (?:[A-Z]+ )+to (?:try|test|use)\b",
            r"\b(?:suggest|suggestions?|propose|proposals?|recommend|recommendations?|advise|advice)\b",
            r"\b(?:try|use|run|do|train|test|tweak|explore|set|pick|choose|change)\b.{0,40}\bnext\b(?! to)",
            r"\b(?:should|could|can|would|do|must) (?:i|we)\b.{0,40}\bto (?:get|push|raise|improve|boost|lower|"
            r"reduce|increase|decrease|beat|make|reach)\b",
            r"\b(?:knobs?|levers?|dials?)\b",
            r"\b(?:sensible|reasonable|promising|natural|logical|good) (?:next|follow up)\b",
            r"\bfollow up (?:run|experiment|trial|config)s?\b",
            r"\bwhat else (?:can|could|should|might) (?:i|we)\b",
            r"\bnext (?:\w+ )?(?:config\w*|hyper\w*|params?|parameters|settings?|values?|runs? should|"
            r"experiment should|steps?)\b",
            r"\bnext (?:[A-Z]+ )*(?:run|experiment|trial|one|model)s? (?:look|be|have|use)\b",
            r"\bshould (?:the|my|our) next\b",
            r"\bwhat(?:'s| is| comes| should be)? next\b",
            r"\bgo from here\b",
            r"\b(?:should|could|would|can|might) (?:i|we|you) (?:try|tune|tweak|explore|test)\b",
            r"\b(?:worth|promising to) (?:trying|try|exploring|testing)\b",
            r"\bhow (?:can|do|could|should) (?:i|we) (?:improve|tune|increase|get|beat)\b",
            r"\b(?:which|what) (?:other )?(?:PARAM|hyper\w*|params?|parameters?|settings?)(?: (?:and|"
            r"or) PARAM)* (?:should|would|could|shall) (?:i|we|you)\b",
            r"\b(?:ideas?|tips?) (?:for|on|to)\b",
            r"(?<!fine )\btune\b",
            r"\bhelp me improve\b",
            r"\b(?:room (?:to|for)|potential|headroom|untapped)\b",
        ),
    ),
    (
        "diff_runs",
        (
            r"\b(?:diff|diffs|difference|differences|differ|differs|different|differing|delta|modif(?:y|ied)|"
            r"altered|deviates?|distinguish(?:es)?)\b",
            r"\b(?:not|n't|aren't|isn't) (?:all )?(?:the )?(?:same|identical|shared) (?:in|between|for|across)\b",
            r"\bwhy (?:is|was|did|does) (?:run )?ID .{0,30}\b(?:than|beat)\b",
            r"\b(?:what|which|how).{0,30}\b(?:changed|changes|change|changing)\b",
            r"\bchanged? (?:between|from|since)\b",
            r"\bwhat did (?:i|we) change\b",
            r"\bchanges between\b",
        ),
    ),
    (
        "metric_trend",
        (
            r"\b(?:curve|curves|trend|trends|trending|trajectory|over (?:the )?(?:time|epochs?|steps?|training|"
            r"PARAM|course)|converged?|converging|converges|convergence|diverged?|diverging|plateau\w*|overfit\w*|"
            r"trace|track|visuali[sz]e|underfit\w*|evolve[sd]?|evolution|evolving|histor(?:y|ies)|"
            r"(?<!in )progress(?:ion|ed|ing)?|develop\w*|plot|graph|chart|draw)\b",
            r"\bstill (?:improving|falling|rising|dropping|decreasing|increasing|going (?:up|down)|learning|"
            r"getting)\b",
            r"\b(?:going|go|goes|went|gone) (?:up|down)\b",
            r"\b(?:improve|improving|get better|getting better|drop|fall|rise|decrease|increase)d? (?:over|during|"
            r"through|with|at the end|towards?)\b",
            r"\b(?:did|does|do|is|has|was) (?:the )?(?:METRIC|loss|accuracy)(?: of \S+)? (?:\w+ )?(?:improv|fall|"
            r"drop|ris|decreas|increas|go|gone|stop|flat|stall|peak|bottom)\w*",
            r"\b(?:how|when) did (?:the )?METRIC.{0,30}\b(?:go|do|change|behave|look|move|peak|bottom|stop|reach)\b",
            r"\b(?:at )?(?:which|what) (?:epoch|step|PARAM) (?:was|did|is|had) (?:the )?METRIC",
            r"\b(?:at|in|after|from|by) (?:which|what) (?:epoch|step|PARAM|point)\b",
            r"\b(?:profit|benefit|gain) from (?:more|longer|further|additional)\b",
            r"\b(?:train|run) (?:it |that )?(?:for )?longer\b",
            r"\b(?:is|are|was|were) .{0,60}\b(?:getting (?:better|worse)|improving|progressing|learning anything)\b|"
            r"\bhow (?:quickly|fast|slowly) (?:did|does) (?:the )?METRIC\b|"
            r"\bhow (?:the |its )?METRIC (?:has |was |had )?(?:\w+ )?(?:improv|chang|mov|behav|went|fell|rose|"
            r"gr[eo]w|drop|decreas|increas)\w*",
            r"\b(?:early stopping|learning dynamics|training dynamics)\b",
            r"\bpeak(?:ed|s)\b",
            r"\b(?:did|does|do) .{0,30}\bpeak\b",
            r"\b(?:flatten(?:s|ed)?|level(?:s|ed)?|stall(?:s|ed)?) (?:out|off)\b",
            r"\bstart(?:ed|s)? (?:getting|to get|going|to go) (?:worse|up|down|better)\b",
            r"\bbottom(?:ed|s)? out\b",
            r"\bper (?:epoch|step|PARAM)\b.*\b(?:ID|run)\b",
        ),
    ),
    (
        "compare_runs",
        (
            r"\b(?:compare|compared|compares|comparing|comparison|comparisons|versus|vs|side by side|head to head|"
            r"stack(?:s)? up|line(?:d)? up|next to ID|contrast|against|"
            r"(?:gap|margin|distance|spread) between(?!.{0,20}METRIC)|"
            r"next to each other|face off|"
            r"put .{0,40} together)\b",
        ),
    ),
    (
        "run_details",
        (
            r"\b(?:details?|detail|describe|inspect|everything about|all about|more about|tell me about|look at|"
            r"info|information|open)\b",
            r"\b(?:what do (?:we|you|i) know about|what about (?:the )?(?:first|second|third|fourth|fifth|last|"
            r"other|ID)|what(?:'s| is) in)\b",
            r"\b(?:which|what) (?:settings?|configs?|configuration|hyper\w*|params|parameters|recipe|"
            r"setup) (?:\w+ ){0,2}(?:produced|gave|gives|led|yielded|made|got|gets|achieved|reached|belongs?|"
            r"behind)\b",
            r"\bwhy did\b",
            r"\bwhat (?:went wrong|happened (?:to|with|in))\b",
            r"\bhow (?:did|was|is|does) (?:run )?ID",
            r"\b(?:which|what)(?: were| are| was| is)?(?: the)? (?:params?|parameters?|hyper\w*|settings?|config\w*|"
            r"artifacts?|files?|checkpoints?|command|git hash|commit|notes?|tags?|device|gpu|packages?|"
            r"python version|error|traceback|status)\b.{0,60}(?:ID|best|latest|last|it\b|that run|this run)",
            r"\b(?:what|which) (?:PARAM|METRIC)(?: (?:and|or) (?:PARAM|METRIC))* (?:did|does|do|was|is|has|had)\b",
            r"\bwhen (?:did|was)\b",
            r"\bhow long did\b",
            r"\b(?:params?|parameters|hyperparameters|settings|config\w*|artifacts?|command|error|traceback|logs?|"
            r"note|status) (?:of|for|from)\b(?! (?:publish))",
        ),
    ),
    (
        "summarize_runs",
        (
            r"\b(?:summari[sz]e\w*|summary|summaries|overview|recap|digest|catch me up|catch up|status report|"
            r"report|been up to|(?:have|had) (?:i|we) been|state of (?:the|my|affairs)|how (?:is|are) (?:it|things|"
            r"everything|my|the) .{0,30}(?:going|doing|looking)|what(?:'s| is| has been| have i been) (?:happen\w*|"
            r"going on|up|new)|what happened|bring me up|sum up|wrap up|brief|debrief|tldr|tl , dr|takeaways?|"
            r"highlights|"
            r"where (?:do|are) (?:we|i)(?: stand)?|(?:has|have) been (?:tried|done|run)|how (?:did|was|were) (?:my |"
            r"the )?WHEN|big picture|in general|gist|rundown|run down|overall picture|the story)\b",
            r"\b(?:average|mean|median|typical)\b",
            r"\b(?:what|which|list|show)(?: me)?(?: are)?(?: all)?(?: the| my)? (?:datasets|metrics|tags|params|"
            r"parameters|hyperparameters|models|PARAMs?)(?: (?:do|did|are|have|is|in|there|exist|used|i|we|you)\b|$)",
        ),
    ),
)
_COMPILED: Final = tuple((intent, re.compile("|".join(phrases))) for intent, phrases in _PHRASES)
_LIST: Final = re.compile(
    r"\b(?:list|show|display|give|find|get|print|see|view|which runs|what runs|any runs?|anything|all|fetch|"
    r"runs|experiments|return|filter|pull|what did (?:i|we)|"
    r"who|where|only|runs? (?:with|that|on|from|where))\b"
)


def phrased_intent(masked: str) -> Intent | None:
    """Gives the kind of answer that a phrase of the question asks for; None where none does."""
    return next((intent for intent, form in _COMPILED if form.search(masked)), None)


def asks_for_list(masked: str) -> bool:
    """Tells whether a question asks to see runs."""
    return _LIST.search(masked) is not None
